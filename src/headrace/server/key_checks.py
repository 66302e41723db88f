"""Whether the master key of a server is the one that its records were sealed with."""

from __future__ import annotations

import logging

from headrace.control.sealing import Keys, load_keys
from headrace.core.errors import Unavailable
from headrace.server.data_directory import DataDirectory

logger = logging.getLogger(__name__)

_ADVICE = (
    "put back the file that belongs to this server's records, or name it with "
    "HEADRACE_MASTER_KEY_FILE."
)


def keys_of(sealed: str | None, directory: DataDirectory) -> Keys | None:
    """Return the keys that opened what the records have sealed; None if a key is to be made.

    One is made for records that have sealed nothing, and for a data directory that has lost its
    own: nothing else would go on from there. Where the key is elsewhere, or the records are, a key
    that is missing is more likely one that was not named.

    Args:
        sealed: A word that the first server of these records sealed.
        directory: Names the file of the key.

    Raises:
        Unavailable: The key is missing, or is another one.
    """
    if sealed is None:
        return None
    if not directory.keys.exists():
        if directory.holds_records and directory.key_file is None:
            logger.warning(
                "%s is missing: a start makes another key, which opens no secret that is on record",
                directory.keys,
            )
            return None
        raise Unavailable(f"The master key {directory.keys} is missing: {_ADVICE}")
    keys = load_keys(directory.keys)
    try:
        keys.unseal(sealed.encode())
    except Unavailable:
        raise Unavailable(
            f"The master key {directory.keys} is not the one of this server's records: {_ADVICE}"
        ) from None
    return keys
