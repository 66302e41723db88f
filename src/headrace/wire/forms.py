"""Bracketed form fields (``a[b][0]=text``) to a tree of objects, lists and texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from headrace.core.errors import InvalidRequest

MAX_FIELDS = 10_000
MAX_DEPTH = 32

_KEY = re.compile(r"[^\[\]]+(?:\[[^\[\]]+\])*")
_SEGMENT = re.compile(r"[^\[\]]+")


class FormText(str):
    """A leaf of a form: a text that may have been a number, a boolean or null when it was sent.

    Being told apart from the texts of a JSON body, which are texts, is all that it is for.
    """

    __slots__ = ()


def decode_tree(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the tree that the fields of a form stand for (wire contract, 3).

    A node whose keys are exactly ``0..n-1`` is a list; every other node is a dict. A leaf is a
    :class:`FormText`, or the list of all its texts if its key came several times, which is how a
    list inside a list is sent. What the sender left out for being empty stays left out.

    Raises:
        InvalidRequest: A key is malformed, not UTF-8 or deeper than :data:`MAX_DEPTH`, a field has
            both a text and fields inside it, or there are more than :data:`MAX_FIELDS` fields.
    """
    root: dict[str, Any] = {}
    for count, (key, text) in enumerate(pairs, start=1):
        if count > MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {MAX_FIELDS:,} fields.")
        _check_utf8(key, text)
        _insert(root, key, FormText(text))
    return {name: _collapsed(node) for name, node in root.items()}


def short(text: str) -> str:
    """Return a caller's text for a message: quoted, and cut if it is long."""
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


def _insert(root: dict[str, Any], key: str, text: FormText) -> None:
    *path, last = _segments(key)
    node = root
    for segment in path:
        child = node.setdefault(segment, {})
        if isinstance(child, list):
            raise _conflict(key)
        node = child
    texts = node.setdefault(last, [])
    if isinstance(texts, dict):
        raise _conflict(key)
    texts.append(text)


def _check_utf8(key: str, text: str) -> None:
    for part in (key, text):
        try:
            part.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(f"The form field {short(key)} is not valid UTF-8.") from None


def _segments(key: str) -> list[str]:
    if key.count("[") >= MAX_DEPTH:
        raise InvalidRequest(
            f"The form field {short(key)} is nested too deeply; at most {MAX_DEPTH} levels "
            "are read."
        )
    if not _KEY.fullmatch(key):
        raise InvalidRequest(
            f"The form field {short(key)} is malformed; write it as name, name[key] or "
            "name[0][key]."
        )
    return _SEGMENT.findall(key)


def _conflict(key: str) -> InvalidRequest:
    return InvalidRequest(
        f"The form field {short(key)} contradicts another: the same name has both a value of its "
        "own and fields inside it."
    )


def _collapsed(node: Any) -> Any:
    if isinstance(node, list):
        return node[0] if len(node) == 1 else node
    children = {key: _collapsed(child) for key, child in node.items()}
    if all(str(index) in children for index in range(len(children))):
        return [children[str(index)] for index in range(len(children))]
    return children
