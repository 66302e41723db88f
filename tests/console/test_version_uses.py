"""What became of each version's executions, on the page of versions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from tests.console.conftest import SOURCE, Desk, create

from headrace import PipelineExecutionFailed


@pytest.fixture
def twice(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """The name of a pipeline with two versions."""
    name = f"twice-{uuid.uuid4().hex[:8]}"
    create(desk, name, SOURCE, tmp_path)
    create(desk, name, SOURCE.replace("Hello", "Welcome"), tmp_path)
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


def test_versions_say_how_their_executions_ended(
    desk: Desk, twice: str, faults: Callable[[str], list[str]]
) -> None:
    empty = unescape(desk.web.get(f"/pipelines/{twice}/versions").text)
    assert "Nothing has been run yet." in empty
    assert empty.count("none lately") == 2
    desk.sdk.run_pipeline(twice, inputs={"name": "Ada"})
    with pytest.raises(PipelineExecutionFailed):
        desk.sdk.run_pipeline(twice, inputs={"name": "nobody"})
    text = unescape(desk.web.get(f"/pipelines/{twice}/versions").text)
    assert text.count("none lately") == 1
    assert "those of all 2 executions, from" in text
    whose = f"/executions?pipeline_name={twice}&version=2"
    assert f'<a href="{whose}">2</a>' in text
    assert f'<a href="{whose}&status=Failed&status=Error">1, 50%</a>' in text
    assert faults(f"/pipelines/{twice}/versions") == []
