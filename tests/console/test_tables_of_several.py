"""The table of several executions, which shows the first of many."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headrace.console.rendering import _templates
from headrace.core.clock import now
from headrace.core.executions import Status


@pytest.mark.parametrize(("count", "more"), [(100, None), (101, "And 1 more"), (1000, "And 900")])
def test_a_long_table_shows_a_hundred_and_says_how_many_more(count: int, more: str | None) -> None:
    rows = [
        SimpleNamespace(
            id=f"01a2{number:04}-0000",
            status=Status.FAILED,
            deployment_name="d",
            pipeline_name="p",
            created_at=now(),
            failure=None,
        )
        for number in range(count)
    ]
    parts = _templates().get_template("parts/several.html").module
    text = str(parts.table(rows, "Which"))  # type: ignore[attr-defined]
    assert text.count('<th scope="row">') == 100
    assert (more or "more, which") in text if more else "more, which" not in text
