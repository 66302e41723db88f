"""Which files of this machine a requirements text names, and whether it may name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from headrace.core.errors import InvalidEnvironment
from headrace.environments.requirements_text import logical_lines, option_in

_INCLUDES = {"--requirement", "--constraint"}
_SOURCES = {
    "--find-links", "--index-url", "--extra-index-url", "--index", "--default-index",
}  # fmt: skip
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s*(?P<where>.*)")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_ARCHIVE = re.compile(r"\.(whl|zip|tar(\.\w+)?|t[abgblx]z|tlz)$", re.IGNORECASE)
_END_OF_PLACE = re.compile(r"\s+(;|--|#)|;")


@dataclass(frozen=True, slots=True)
class _LocalName:
    """A file or folder that a line names.

    Attributes:
        line: The line, for messages.
        path: As written, percent-decoded if it was a URL.
        kind: ``include`` (another requirements file), ``package``, ``editable`` or ``source``
            (where to look for packages).
    """

    line: str
    path: str
    kind: str


def names_local_files(requirements: str) -> bool:
    """Return whether the text names files, so that the pipeline's folder is part of the digest.

    ``-r other.txt``, ``-c limits.txt``, ``-e ./package``, ``./package``, ``name @ ./package``,
    ``wheels/x.whl`` and ``--find-links ./wheels`` do; versions, options and URLs do not. Neither
    does ``--find-links /srv/wheels``: like an index, it is a place that the machine offers.
    """
    return any(
        name.kind != "source" or not Path(name.path).is_absolute()
        for name in _local_names(requirements)
    )


def check_local_files(requirements: str, folder: Path) -> None:
    """Check that the text, and the files it includes, name nothing outside the folder.

    Package indexes and ``--find-links`` with an absolute path or a ``file:`` URL are allowed.

    Raises:
        InvalidEnvironment: A line names something outside; the message repeats the line.
    """
    root = folder.resolve()
    _check_text(requirements, where=root, root=root, seen=set())


def _check_text(text: str, *, where: Path, root: Path, seen: set[Path]) -> None:
    for name in _local_names(text):
        if name.kind == "source" and (Path(name.path).is_absolute() or "${" in name.path):
            continue
        # Includes are relative to the file they stand in, packages to the folder itself.
        path = _inside(root, where if name.kind == "include" else root, name.path)
        if path is None:
            raise InvalidEnvironment(
                f"The requirements' line {name.line!r} names a file outside the pipeline's folder. "
                "Put the file in the folder and name it relative to the folder."
            )
        if name.kind == "include" and path not in seen and path.is_file():
            seen.add(path)
            included = path.read_text(encoding="utf-8-sig", errors="replace")
            _check_text(included, where=path.parent, root=root, seen=seen)


def _inside(root: Path, base: Path, path: str) -> Path | None:
    """Return the path that is meant, symbolic links resolved, or None if it leaves the root."""
    if path.startswith("~") or "${" in path:
        return None
    try:
        resolved = (base / path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that cannot exist
        return None
    return resolved if resolved.is_relative_to(root) else None


def _local_names(requirements: str) -> Iterator[_LocalName]:
    for _, line in logical_lines(requirements.removeprefix("\ufeff")):
        option = option_in(line)
        if option is None:
            place, kind = line, "package"
        elif option.name in _INCLUDES:
            place, kind = option.value, "include"
        elif option.name == "--editable":
            place, kind = option.value, "editable"
        elif option.name in _SOURCES:
            place, kind = option.value, "source"
        else:
            continue
        path = _local_path(place.strip("'\" "), bare_is_path=kind != "package")
        if path is not None:
            yield _LocalName(line, path, kind)


def _local_path(place: str, *, bare_is_path: bool) -> str | None:
    """Return the path that a place means, or None if it is a URL or the name of a package."""
    named = None if _URL.match(place) else _NAMED.fullmatch(place)
    if named:
        place, bare_is_path = named["where"], True
    place = _END_OF_PLACE.split(place, maxsplit=1)[0].strip()
    url = _URL.match(place)
    if url:
        is_file = url["scheme"].lower().split("+")[-1] == "file"
        return "/" + unquote(place[url.end() :]).lstrip("/") if is_file else None
    if place.lower().startswith("file:"):
        return unquote(place[len("file:") :])
    if not place:
        return None
    path = re.sub(r"\[[^\]]*\]$", "", place)
    looks_like_path = path.startswith((".", "~")) or "/" in path or "\\" in path
    if bare_is_path or looks_like_path or _ARCHIVE.search(path):
        return path
    return None
