"""Whether the master key of a server is the one that its records were sealed with."""

from __future__ import annotations

from headrace.control.sealing import Keys, load_keys
from headrace.core.errors import Unavailable
from headrace.server.data_directory import DataDirectory

_ADVICE = (
    "put back the file that belongs to this server's records, or name it with "
    "HEADRACE_MASTER_KEY_FILE."
)


def keys_of(sealed: str | None, directory: DataDirectory) -> Keys | None:
    """Return the keys that opened what the records have sealed; None if they have nothing.

    A key that is missing is not made: it would be another one.

    Args:
        sealed: A word that the first server of these records sealed.
        directory: Names the file of the key.

    Raises:
        Unavailable: The key is missing, or is another one.
    """
    if sealed is None:
        return None
    if not directory.keys.exists():
        raise Unavailable(f"The master key {directory.keys} is missing: {_ADVICE}")
    keys = load_keys(directory.keys)
    try:
        keys.unseal(sealed.encode())
    except Unavailable:
        raise Unavailable(
            f"The master key {directory.keys} is not the one of this server's records: {_ADVICE}"
        ) from None
    return keys
