"""The lines of code with their parts marked, remembered as long as they are looked at."""

from __future__ import annotations

import hashlib
import html
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headrace.bundles.apart import ask

MAX_CHARACTERS = 60_000
"""A text with more characters is shown plain."""

MAX_CHARACTERS_AT_ONCE = 300_000
"""Of several texts together, such as those of a comparison; the others are shown plain."""

KINDS = ("py", "pyi", "toml", "lock", "json", "yaml", "yml", "ini", "cfg", "sh")
"""Suffixes of names whose texts are marked."""

_REMEMBERED = 128
_AT_ONCE = 2
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it is shown.

    Attributes:
        lines: Its lines, as HTML.
        why_plain: Why its parts are not marked although its kind is known; else empty.
    """

    lines: Sequence[str]
    why_plain: str = ""


class _Memory:
    """The lines of the texts that were marked last; None for those that break the program."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, list[str] | None] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[str]) -> dict[str, list[str] | None]:
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
            for key in found:
                self._known.move_to_end(key)
            return found

    def put(self, found: Mapping[str, list[str] | None]) -> None:
        with self._lock:
            self._known.update(found)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


_memory = _Memory()
_turns = threading.BoundedSemaphore(_AT_ONCE)


def shown(files: Sequence[tuple[str, str]]) -> list[Shown]:
    """Return texts, each with its path, as they are shown: their parts marked where that can be.

    Lines are those of :meth:`str.splitlines`. It blocks while a program marks what is not
    remembered.
    """
    keys = [_key(path, text) for path, text in files]
    found = _memory.get(keys)
    wanted: dict[str, tuple[str, str]] = {}
    left = MAX_CHARACTERS_AT_ONCE
    for key, (path, text) in zip(keys, files, strict=True):
        is_new = key not in found and key not in wanted
        if is_new and kind_of(path) and len(text) <= min(MAX_CHARACTERS, left):
            wanted[key] = (kind_of(path), text)
            left -= len(text)
    found |= _asked(wanted)
    return [
        _shown(path, text, found.get(key)) for key, (path, text) in zip(keys, files, strict=True)
    ]


def _shown(path: str, text: str, lines: list[str] | None) -> Shown:
    plain = text.splitlines()
    if lines is not None and len(lines) == len(plain):
        return Shown(lines)
    why = ""
    if kind_of(path) and plain:
        is_large = len(text) > MAX_CHARACTERS
        why = (
            f"it has more than {MAX_CHARACTERS:,} characters"
            if is_large
            else "its parts are too many"
        )
    return Shown([html.escape(line) for line in plain], why)


def kind_of(path: str) -> str:
    """Return the kind of a file by its name; empty if its text is not marked."""
    name = path.rpartition("/")[2]
    suffix = name.rpartition(".")[2]
    if suffix in KINDS:
        return suffix
    return "txt" if suffix == "txt" and name.startswith(("requirements", "constraints")) else ""


def _asked(wanted: Mapping[str, tuple[str, str]]) -> dict[str, list[str] | None]:
    if not wanted or not _turns.acquire(timeout=_TIMEOUT_S):
        return {}
    try:
        answer: list[list[str]] | None = ask(
            "headrace.console.highlighter", given=list(wanted.values()), timeout_s=_TIMEOUT_S
        )
    finally:
        _turns.release()
    found: dict[str, list[str] | None] = dict.fromkeys(wanted)
    for key, lines in zip(wanted, answer or (), strict=False):
        # What is behind the last line end is no line.
        found[key] = lines if lines[-1] else lines[:-1]
    _memory.put(found)
    return found


def _key(path: str, text: str) -> str:
    said = f"{kind_of(path)}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()
