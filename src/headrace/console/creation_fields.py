"""The fields of the form that creates a pipeline: proposed, typed, read as the API reads them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from headrace.core.dockerfiles import DOCKERFILE
from headrace.core.errors import InvalidRequest
from headrace.core.parameters import MAX_PARAMETERS
from headrace.core.values import DataType
from headrace.wire.forms import decode_tree, short

PLAIN = (
    *("pipeline_name", "function_path", "function_name", "calling", "description", "message"),
    "force",
)
LANGUAGE = "container_config[language]"
REQUIREMENTS = "container_config[requirements_path]"
PACKAGES = "system_dependencies"
OWN = ("code", "pipeline", "kind", "more", "csrf", PACKAGES)
"""Fields of the form that the API does not have."""

FUNCTION, IMAGE = "function", "dockerfile"
"""Kinds of pipelines: what the form asks for."""

EMPTY_ROWS = 2
_KEYS = ("name", "data_type", "description", "is_required", "default_value")
_ROW = re.compile(r"(inputs|outputs)\[(\d{1,3})\]\[(" + "|".join(_KEYS) + r")\]", re.ASCII)

Row = dict[str, str]


def keeps(name: str) -> bool:
    """Check whether the form has a field.

    Raises:
        InvalidRequest: It has not.
    """
    if name not in {*PLAIN, LANGUAGE, REQUIREMENTS, DOCKERFILE, *OWN} and not _ROW.fullmatch(name):
        raise InvalidRequest(f"The form has the unknown field {short(name)}.")
    return True


def rows(typed: Mapping[str, str], kind: str) -> list[Row]:
    """Return the rows of inputs or outputs that are not empty, in order."""
    found: dict[int, Row] = {}
    for name, text in typed.items():
        match = _ROW.fullmatch(name)
        if match and match[1] == kind:
            found.setdefault(int(match[2]), {})[match[3]] = text
    return [
        found[number]
        for number in sorted(found)
        if any(text for key, text in found[number].items() if key != "data_type")
    ]


def with_empty(given: list[Row], more: int = 0) -> list[Row]:
    """Return rows, followed by some empty ones to type into."""
    empty: list[Row] = [{} for _ in range(EMPTY_ROWS + more)]
    return [defaultdict(str, row) for row in [*given, *empty][:MAX_PARAMETERS]]


def tree_of(typed: Mapping[str, str], included: Iterable[str]) -> dict[str, Any]:
    """Return the tree of an API request with the typed fields.

    Args:
        typed: The fields of the form.
        included: Files and folders that were taken of a repository; none if the code was sent.
    """
    pairs = [(name, typed[name]) for name in PLAIN if typed.get(name)]
    pairs += _of_image(typed) if typed.get("kind") == IMAGE else _of_function(typed)
    pairs += _numbered("container_config[included_folders]", included)
    for kind in ("inputs", "outputs"):
        for number, row in enumerate(rows(typed, kind)):
            pairs += [(f"{kind}[{number}][{key}]", text) for key, text in row.items() if text]
    if typed.get("pipeline"):
        pairs = [pair for pair in pairs if pair[0] != "pipeline_name"]
        pairs += [("pipeline_name", typed["pipeline"]), ("replace", "true")]
    return decode_tree(pairs)


def _of_image(typed: Mapping[str, str]) -> list[tuple[str, str]]:
    # Without it a function would be asked for, and this form has no field for one.
    if not typed.get(DOCKERFILE, "").strip():
        raise InvalidRequest(f"{DOCKERFILE} is missing: name the Dockerfile in the folder.")
    return [(DOCKERFILE, typed[DOCKERFILE].strip())]


def _of_function(typed: Mapping[str, str]) -> list[tuple[str, str]]:
    pairs = [(LANGUAGE, typed[LANGUAGE])] if typed.get(LANGUAGE) else []
    # Empty is said as well: there are none, whatever the project has.
    pairs.append((REQUIREMENTS, typed.get(REQUIREMENTS, "").strip()))
    packages = re.split(r"[,\s]+", typed.get(PACKAGES, "").strip())
    return pairs + _numbered("container_config[system_dependencies]", filter(None, packages))


def fields_of(kind: str, items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the fields of declared inputs or outputs, as answers of the API have them."""
    return {
        f"{kind}[{number}][{key}]": _text(key, item)
        for number, item in enumerate(items)
        for key in _KEYS
        if item.get(key) not in (None, False) or (key == "default_value" and item.get(key) is False)
    }


def _text(key: str, item: Mapping[str, Any]) -> str:
    value = item[key]
    if value is True:
        return "true"
    if isinstance(value, str) and (key != "default_value" or item["data_type"] == DataType.STRING):
        return value
    return json.dumps(value, ensure_ascii=False)


def _numbered(name: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"{name}[{number}]", text) for number, text in enumerate(texts)]
