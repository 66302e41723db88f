"""Digests of what travels of a folder, as the server will compute them."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path, PurePosixPath

from headrace.client.bundles import unreadable
from headrace.client.selection import Selection
from headrace.core.contents import ContentDigest

CHUNK = 1 << 16


def bundle_digest(selection: Selection) -> str:
    """Return the digest of the bundle that the server makes of a selection.

    Raises:
        InvalidRequest: A file cannot be read.
    """
    folders = set(selection.folders)
    for name in (*selection.files, *selection.links, *selection.folders):
        folders.update(str(above) for above in PurePosixPath(name).parents)
    folders.discard(".")
    digest = ContentDigest()
    for name in sorted({*selection.files, *selection.links, *folders}):
        if name in selection.files:
            _add_file(digest, name, selection.files[name])
        elif name in selection.links:
            digest.add_link(name, selection.links[name])
        else:
            digest.add_folder(name)
    return digest.hexdigest()


def file_digests(selection: Selection) -> dict[str, str]:
    """Return the SHA-256 of each file, in hex, by its path in the archive.

    Of a link it is that of the text of its target.
    """
    found = {
        name: hashlib.sha256(target.encode()).hexdigest()
        for name, target in selection.links.items()
    }
    for name, path in selection.files.items():
        with path.open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _add_file(digest: ContentDigest, name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            digest.add_file(
                name,
                is_program=bool(about.st_mode & stat.S_IXUSR),
                size=about.st_size,
                content=iter(lambda: file.read(CHUNK), b""),
            )
    except OSError as error:
        raise unreadable(path, error) from None
