"""Names of files that callers send: any text they may be, and a name on disk they must become."""

from __future__ import annotations

MAX_FILENAME_BYTES = 200
"""File systems take 255 bytes; the rest is for whoever adds a suffix to a name."""

MAX_SUFFIX_BYTES = 32

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255
"""What file systems take between two slashes."""


def fits_a_disk(path: str) -> bool:
    """Tell whether a path is no longer than a file may have it, as a whole and between slashes."""
    whole = path.encode("utf-8", "surrogatepass")
    return len(whole) <= MAX_PATH_BYTES and all(
        len(segment) <= MAX_SEGMENT_BYTES for segment in whole.split(b"/")
    )


def usable_filename(sent: str, fallback: str) -> str:
    """Return a base name that every file system takes, as near to a sent name as can be.

    Folders before the name, characters that are not printable and blanks and dots at its end go. A
    name that is too long keeps its beginning and its suffix.

    Args:
        sent: The name that came; may be empty, a path or ``..``.
        fallback: The name if nothing is left.
    """
    # Some callers send a whole path; what is before its last segment is their own matter.
    base = sent.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in base if character.isprintable()).strip().rstrip(". ")
    return shortened(name or fallback)


def shortened(name: str) -> str:
    """Return a name of at most :data:`MAX_FILENAME_BYTES` bytes that ends as it did."""
    if len(name.encode()) <= MAX_FILENAME_BYTES:
        return name
    stem, dot, end = name.rpartition(".")
    suffix = f".{end}" if dot and len(end.encode()) < MAX_SUFFIX_BYTES else ""
    stem = stem if suffix else name
    return _beginning(stem, MAX_FILENAME_BYTES - len(suffix.encode())) + suffix


def _beginning(text: str, size: int) -> str:
    """Return as many whole characters as have at most ``size`` bytes."""
    return text.encode()[:size].decode(errors="ignore")
