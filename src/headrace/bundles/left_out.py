"""What of a sent folder does not travel on, found by a program of its own.

Lines of an ignore file can keep whoever matches them busy for ever: such a line breaks the program,
and not the server.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.bundles.apart import ask, limit
from headrace.core.errors import InvalidRequest, TooLarge, Unavailable
from headrace.core.ignore_files import kind_of, left_out, looks_secret

MAX_IGNORE_BYTES = 1_000_000
"""All ignore files of a folder together."""

MAX_PATHS = 100_000

AT_ONCE = 2
TURN_S = 20.0
TIMEOUT_S = 20.0
_MEMORY_BYTES = 768 << 20
_PROCESSOR_S = 10

_turns = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What of a folder's files travels, and what does not.

    Attributes:
        left_out: What does not, with the reason; a folder ends with ``/`` and stands for all in it.
        secrets: Files that do, though their names are those of passwords and keys.
    """

    left_out: Mapping[str, str]
    secrets: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Check whether a file or a folder, without ``/`` at its end, travels."""
        if path in self.left_out or f"{path}/" in self.left_out:
            return False
        parts = path.split("/")
        return not any(
            f"{'/'.join(parts[:count])}/" in self.left_out for count in range(1, len(parts))
        )

    def sentence(self, most: int = 5) -> str:
        """Return what is to be said of it once; empty if there is nothing."""
        said = [f"{path} ({why})" for path, why in self.left_out.items()]
        out = f"Left out: {_some(said, most)}." if said else ""
        careful = f"Taken, though it looks secret: {_some(self.secrets, most)}."
        return " ".join(filter(None, [careful if self.secrets else "", out]))


def judge(paths: Iterable[str], ignore_files: Mapping[str, str]) -> Judged:
    """Judge a folder's files, by the rules of the SDK.

    It blocks, so call it in a thread.

    Args:
        paths: The files, relative to the folder, with ``/``; empty folders end with one.
        ignore_files: Text of each ignore file among them, by its path.

    Raises:
        InvalidRequest: An ignore file cannot be used, or the folder holds a server's keys.
        TooLarge: The ignore files are.
        Unavailable: Too many are judged already.
    """
    names = list(paths)
    if len(names) > MAX_PATHS:
        raise TooLarge(
            f"The folder has more than {MAX_PATHS:,} files, too many for the code of a pipeline."
        )
    if sum(len(text) for text in ignore_files.values()) > MAX_IGNORE_BYTES:
        raise TooLarge(f"The ignore files are larger than {MAX_IGNORE_BYTES:,} bytes together.")
    found = _asked(names, ignore_files) if ignore_files else left_out(names, {})
    judged = Judged(found)
    secrets = sorted(path for path in names if looks_secret(path) and judged.has(path))
    return Judged(found, tuple(secrets))


def is_ignore_file(path: str) -> bool:
    """Check whether a file of a folder says what is left out of it."""
    return kind_of(path) is not None


def _asked(paths: list[str], ignore_files: Mapping[str, str]) -> dict[str, str]:
    if not _turns.acquire(timeout=TURN_S):
        raise Unavailable(f"{AT_ONCE} folders are being judged: try again.")
    try:
        answer: dict[str, Any] | None = ask(
            __name__, given=[paths, dict(ignore_files)], timeout_s=TIMEOUT_S
        )
    finally:
        _turns.release()
    if answer is None:
        raise InvalidRequest(
            f"The ignore files ({_some(list(ignore_files), 3)}) take too long to match: make "
            "their lines simpler."
        )
    if "problem" in answer:
        raise InvalidRequest(answer["problem"])
    found: dict[str, str] = answer["left_out"]
    return found


def _some(names: Iterable[str], most: int) -> str:
    known = list(names)
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more:,} more" if more > 0 else "")


def main() -> None:
    """Judge the folder that is given."""
    limit(_MEMORY_BYTES, _PROCESSOR_S)
    paths, ignore_files = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"left_out": left_out(paths, ignore_files)}
    except InvalidRequest as error:
        answer = {"problem": error.message}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
