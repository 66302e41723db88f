"""What of a folder does not travel: what its ignore files name, and what tools make themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath, PurePosixPath

from pathspec import GitIgnoreSpec

from headrace.core.contents import TOOL_NAMES
from headrace.core.errors import InvalidRequest

OWN_FILE = ".headraceignore"
GIT_FILE = ".gitignore"
EXCLUDE_FILE = ".git/info/exclude"
KINDS = (OWN_FILE, GIT_FILE, EXCLUDE_FILE)
"""Kinds of ignore files; whatever an earlier one says of an entry counts."""

TOOL = "made by a tool"
CACHE = "a cache"

DATA_DIRECTORY_MARK = "headrace.db"

TOOL_MARKS = {
    "pyvenv.cfg": "a virtual environment",
    "conda-meta": "a conda environment",
    "CACHEDIR.TAG": CACHE,
    DATA_DIRECTORY_MARK: "a Headrace server's data directory",
}
"""Names by which a folder is known to be made by a tool, which can make it again."""

_SECRET = re.compile(
    r"\.env(\.(?!example$|sample$|template$|dist$).*)?|\.(netrc|pypirc|npmrc|pgpass|git-credentials)"
    r"|id_(rsa|dsa|ecdsa|ed25519)|.+\.(pem|key|p12|pfx|keystore)"
)


class IgnoreFiles:
    """The ignore files of a folder, which say of each entry whether it is left out.

    Entries are judged as git judges them: by the ignore file closest to the entry that says
    anything about it, its last matching line. All files named :data:`OWN_FILE` count before any
    :data:`GIT_FILE`, so that one can take back what the other leaves out.
    """

    def __init__(self) -> None:
        self._specs: dict[str, dict[PurePath, GitIgnoreSpec]] = {kind: {} for kind in KINDS}

    def add(self, kind: str, folder: PurePath, text: str) -> None:
        """Add an ignore file, before anything below its folder is judged.

        Raises:
            ValueError: It has a line that means nothing.
        """
        self._specs[kind][folder] = GitIgnoreSpec.from_lines(text.splitlines())

    def reason(self, path: PurePath, *, is_folder: bool) -> str | None:
        """Return the kind of ignore file that leaves an entry out, or None if none does.

        Args:
            path: The entry; the ignore files of the folders above it were added.
            is_folder: Whether it is a folder; a link to one is none.
        """
        for kind, specs in self._specs.items():
            for folder in path.parents:
                if folder not in specs:
                    continue
                relative = path.relative_to(folder).as_posix()
                found = specs[folder].check_file(f"{relative}/" if is_folder else relative)
                if found.include is not None:
                    return kind if found.include else None
        return None


def kind_of(path: str) -> str | None:
    """Return the kind of ignore file that a file of a folder is, or None."""
    if path == EXCLUDE_FILE:
        return EXCLUDE_FILE
    name = path.rpartition("/")[2]
    return name if name in {OWN_FILE, GIT_FILE} else None


def looks_secret(path: str) -> bool:
    """Check whether a file has a name that programs use for passwords and keys."""
    return _SECRET.fullmatch(path.rpartition("/")[2]) is not None


def left_out(paths: Iterable[str], ignore_files: Mapping[str, str]) -> dict[str, str]:
    """Return what of a folder's files does not travel, with the reason.

    A folder that is left out ends with ``/`` and stands for all that is in it.

    Args:
        paths: The files, relative to the folder, with ``/``; empty folders end with one.
        ignore_files: Text of each ignore file among them, by its path.

    Raises:
        InvalidRequest: An ignore file cannot be used, or the folder holds a server's keys.
    """
    tree = _tree(paths)
    if DATA_DIRECTORY_MARK in tree:
        raise InvalidRequest(
            "The folder is a Headrace server's data directory, with its keys: keep code in a "
            "folder of its own."
        )
    rules = _rules(ignore_files)
    return dict(sorted(_judged(tree, rules)))


Tree = dict[str, "Tree"]
"""The entries of a folder by their names; a file has none."""


def _tree(paths: Iterable[str]) -> Tree:
    top: Tree = {}
    for path in paths:
        at = top
        for name in path.split("/"):
            at = at.setdefault(name, {})
    return top


def _rules(ignore_files: Mapping[str, str]) -> IgnoreFiles:
    rules = IgnoreFiles()
    for path, text in ignore_files.items():
        kind = kind_of(path)
        if kind is None:
            raise InvalidRequest(f"{path!r:.200} is no ignore file.")
        folder = PurePosixPath() if kind == EXCLUDE_FILE else PurePosixPath(path).parent
        try:
            rules.add(kind, folder, text)
        except ValueError as error:
            raise InvalidRequest(f"{path!r:.200} cannot be used: {error}.") from None
    return rules


def _judged(tree: Tree, rules: IgnoreFiles) -> Iterator[tuple[str, str]]:
    waiting = [(PurePosixPath(), tree)]
    while waiting:
        parent, entries = waiting.pop()
        for name, below in entries.items():
            if not name:
                # What is behind the last slash of an empty folder.
                continue
            path, is_folder = parent / name, bool(below)
            reason = _tool(name, below) or rules.reason(path, is_folder=is_folder)
            if reason is not None:
                yield f"{path}/" if is_folder else str(path), reason
            elif is_folder:
                waiting.append((path, below))


def _tool(name: str, below: Tree) -> str | None:
    if name in TOOL_NAMES:
        return TOOL
    return next((what for mark, what in TOOL_MARKS.items() if mark in below), None)
