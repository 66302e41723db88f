"""Which versions of Python a ``requires-python`` allows (PEP 440), as far as minor versions go."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CLAUSE = re.compile(
    r"(~=|===?|!=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?(?:\.?(?:a|b|rc|dev|post)\d+)*",
    re.IGNORECASE,
)
_LAST_PATCH = 99

_Version = tuple[int, ...]


def allowed_versions(specifier: str | None, versions: Iterable[str]) -> list[str]:
    """Return those of the versions, such as ``3.11``, of which a release fits the specifier.

    Raises:
        ValueError: The specifier is none.
    """
    return [version for version in versions if allows(specifier or "", version)]


def allows(specifier: str, version: str) -> bool:
    """Return whether a release of a minor version, such as ``3.11``, fits a specifier.

    Raises:
        ValueError: The specifier is none.
    """
    clauses = [_clause(text) for text in specifier.split(",") if text.strip()]
    minor = _numbers(version)
    patches = {
        0,
        _LAST_PATCH,
        *(v[2] + step for _, v, _ in clauses if len(v) > 2 for step in (-1, 0, 1)),
    }
    return any(
        all(_fits((*minor[:2], patch), *clause) for clause in clauses)
        for patch in patches
        if patch >= 0
    )


def _clause(text: str) -> tuple[str, _Version, bool]:
    found = _CLAUSE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text.strip()!r} is no condition on a version, such as >=3.10")
    return found[1], _numbers(found[2]), found[3] is not None


def _numbers(text: str) -> _Version:
    return tuple(int(part) for part in text.split("."))


def _fits(release: _Version, operator: str, wanted: _Version, is_prefix: bool) -> bool:
    if operator == "~=":
        return release >= _padded(wanted) and release[: len(wanted) - 1] == wanted[:-1]
    if operator in {"==", "===", "!="}:
        is_equal = release[: len(wanted)] == wanted if is_prefix else release == _padded(wanted)
        return is_equal == (operator != "!=")
    limit = _padded(wanted)
    if operator == ">":
        return release > limit
    if operator == "<":
        return release < limit
    return release >= limit if operator == ">=" else release <= limit


def _padded(version: _Version) -> _Version:
    return (*version, 0, 0)[:3]
