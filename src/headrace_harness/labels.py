"""Keys and labels: two values of Python's that would be one in JSON are refused, not lost."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from headrace_harness.scalars import TEXTS, Misfit, describe, is_null, scalar, text_of
from headrace_harness.stdlib import collections, json

DEEP = "is nested too deeply, or contains itself"

_MAX_DEPTH = 200  # of headrace.core.values, which this interpreter cannot import
_LEAVES = frozenset({type(None), bool, int, float, str})
_SHOWN_LABELS = 10
_TEXT = frozenset({str})
_CONTAINERS = (dict, list, tuple)


def check_keys(value: Any) -> None:
    """Refuse objects, at any depth, two of whose keys are one in JSON.

    The encoder would write both, and every reader keep one of them. What is no container of
    Python's own is left alone.

    Raises:
        Misfit: There are two such keys, or containers are nested too deeply.
    """
    if not isinstance(value, _CONTAINERS):
        return
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            items: Any = item
            if isinstance(item, dict):
                # Texts are as different in JSON as they are here.
                if not _TEXT.issuperset(map(type, item)):
                    distinct(item)
                items = item.values()
            # Most hold nothing to look into, which is found without a loop.
            if not _LEAVES.issuperset(map(type, items)):
                inner += [found for found in items if isinstance(found, _CONTAINERS)]
        if not inner:
            return
        level = inner
    raise Misfit(DEEP)


def distinct(keys: Iterable[Any]) -> list[str]:
    """Return the keys of an object as JSON has them.

    Raises:
        Misfit: Two of them become one, or one cannot be a text.
    """
    found: dict[str, Any] = {}
    for key in keys:
        text = key_text(key)
        if text in found:
            raise Misfit(
                f"holds an object with the keys {found[text]!r} and {key!r}, which are both "
                f"{json.dumps(text, ensure_ascii=False)} in JSON; give each a text of its own"
            )
        found[text] = key
    return list(found)


def refuse_equal(labels: Iterable[Any], noun: str, remedy: str) -> None:
    """Refuse labels that several columns or rows have: a dict would keep the last of each.

    Raises:
        Misfit: Some are equal; the message names them.
    """
    counts = collections.Counter(_comparable(label) for label in labels)
    equal = [str(label) for label, count in counts.items() if count > 1]
    if equal:
        shown = ", ".join(equal[:_SHOWN_LABELS]) + (", …" if len(equal) > _SHOWN_LABELS else "")
        raise Misfit(f"holds equal {noun}, of which all but one would be lost: {shown}; {remedy}")


def _comparable(label: Any) -> Any:
    """Return a label so that NaN equals NaN, as text if it cannot be hashed."""
    found = scalar(label)
    if isinstance(found, tuple):
        return tuple(_comparable(part) for part in found)
    if isinstance(found, float) or is_null(found):
        return repr(found)
    return found if isinstance(found, Hashable) else repr(found)


def key_text(key: Any) -> str:
    """Return the key of an object as ``json`` writes it, and dates and the like as text."""
    found = scalar(key)
    if is_null(found):
        return "null"
    if isinstance(found, TEXTS):
        return text_of(found)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int):
        return int.__repr__(found)
    if isinstance(found, float):
        return float.__repr__(found)
    raise Misfit(f"holds an object with a key that is {describe(key)}; keys must be strings")
