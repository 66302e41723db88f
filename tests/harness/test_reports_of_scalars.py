"""Numbers and booleans are reported on a short way, as they would be on the long one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from headrace_harness import outputs
from headrace_harness.failing import Failed

MAX_BYTES = 1000

RESULTS: list[tuple[str, Any]] = [
    (kind, value)
    for kind in ("number", "json", "boolean", "string", "array")
    for value in (
        0,
        -7,
        2**62,
        2**63,
        -(2**63),
        10**400,
        0.1,
        -0.0,
        1e300,
        math.inf,
        math.nan,
        True,
        False,
        None,
        "text",
        [1],
        {"a": 1},
    )
]


def report_of(returned: Any, kind: str, folder: Path) -> Any:
    try:
        return json.loads(outputs.collect(returned, {"out": kind}, str(folder), "fn", MAX_BYTES))
    except Failed as failed:
        return failed.kind, failed.message


@pytest.mark.parametrize(("kind", "value"), RESULTS)
def test_both_ways_report_the_same(
    kind: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = report_of({"out": value}, kind, tmp_path)
    monkeypatch.setattr(outputs, "_SCALAR_TEXTS", {})
    assert report_of({"out": value}, kind, tmp_path) == short


def test_scalars_count_for_the_greatest_size_too(tmp_path: Path) -> None:
    names = {f"out{number}": "number" for number in range(60)}
    with pytest.raises(Failed, match="HEADRACE_MAX_OUTPUT_BYTES"):
        outputs.collect(dict.fromkeys(names, 2**62), names, str(tmp_path), "fn", MAX_BYTES)


def test_a_missing_scalar_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="'b' is missing"):
        outputs.collect({"a": 1}, {"a": "number", "b": "number"}, str(tmp_path), "fn", MAX_BYTES)
