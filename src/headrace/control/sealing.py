"""Secrets at rest: the keys of a server, and what they seal and sign."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from headrace.core.errors import Unavailable

_KEY_BYTES = 32


class Keys:
    """Keys derived from one master key, each for one purpose.

    Args:
        master: 32 random bytes.
    """

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._fernet = Fernet(base64.urlsafe_b64encode(self.derive("seal")))

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of a purpose."""
        kdf = HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=f"headrace {purpose}".encode())
        return kdf.derive(self._master)

    def seal(self, text: str) -> bytes:
        """Encrypt a text."""
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """Return a sealed text.

        Raises:
            Unavailable: It was sealed under another master key.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise Unavailable(
                "A stored secret was sealed with another key. Put back the key file that belongs "
                "to this data directory, or set the secret anew."
            ) from None


def load_keys(path: Path) -> Keys:
    """Return the keys of a key file, which is made, readable by its owner alone, if missing.

    Raises:
        Unavailable: The file is damaged or readable by others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return _make_keys(path)
    with os.fdopen(descriptor, "rb") as file:
        if not _is_closed(os.fstat(descriptor)):
            raise Unavailable(f"The key file {path} can be read by others: chmod 600 it.")
        master = file.read()
    if len(master) != _KEY_BYTES:
        raise Unavailable(f"The key file {path} is damaged: restore it from a backup.")
    return Keys(master)


def _is_closed(found: os.stat_result) -> bool:
    """Check whether nobody reads a file whom this process does not know of.

    A file of another owner, as a secret that a platform mounts, may be read by its group: how else
    would this process?
    """
    others = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
    if found.st_uid == os.geteuid():
        others |= stat.S_IRGRP
    return not found.st_mode & others


def _make_keys(path: Path) -> Keys:
    master = os.urandom(_KEY_BYTES)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(master)
        file.flush()
        os.fsync(descriptor)
    try:
        # A link fails if another process was first, and then its key is the one to use.
        os.link(draft, path)
    except FileExistsError:
        return load_keys(path)
    finally:
        draft.unlink()
    return Keys(master)
