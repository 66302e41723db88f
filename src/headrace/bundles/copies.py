"""Local copies of bundles: how large they are, and which of them were used last."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.store import BundleStore


@dataclass(frozen=True, slots=True)
class Copy:
    """A bundle on this machine.

    Attributes:
        digest: Digest of its content.
        size: Bytes of its folder and its archive.
        used_at: When it was last asked for, in seconds since 1970.
    """

    digest: str
    size: int
    used_at: float


def copies_in(store: BundleStore) -> list[Copy]:
    """Return the bundles of a store, the ones that were not used for longest first."""
    found = []
    for place in store.places():
        try:
            found.append(Copy(place.name, _size_of(place), place.stat().st_mtime))
        except FileNotFoundError:
            continue  # It was deleted meanwhile.
    return sorted(found, key=lambda copy: copy.used_at)


def copies_to_drop(
    copies: Iterable[Copy], limit_bytes: int, at_work: Collection[str], unused_since: float
) -> list[str]:
    """Return the digests of the copies that make room, so that the others are within a limit.

    Args:
        copies: The copies, in the order in which they may go.
        limit_bytes: What all may take together.
        at_work: Digests of those that something runs; they stay, however large.
        unused_since: Those that were used since then (seconds since 1970) stay as well.
    """
    known = list(copies)
    excess = sum(copy.size for copy in known) - limit_bytes
    dropped = []
    for copy in known:
        if excess <= 0:
            break
        if copy.digest not in at_work and copy.used_at < unused_since:
            dropped.append(copy.digest)
            excess -= copy.size
    return dropped


def _size_of(place: Path) -> int:
    return sum(
        Path(folder, name).lstat().st_size for folder, _, names in os.walk(place) for name in names
    )
