"""What makes two versions of a pipeline run the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    Calling,
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
    check_commit,
    check_message,
)
from headrace.core.values import DataType

FIRST = PipelineVersion(
    id="v1",
    number=1,
    function_path="main.py",
    function_name="main",
    config=ContainerConfig("python:3.11-slim"),
    origin=Origin.LOCAL,
    bundle="b" * 64,
    created_at=datetime(2024, 5, 6, tzinfo=UTC),
    created_by="user-1",
    inputs=(Input("x", DataType.JSON, default_value={"a": 1, "b": 2}),),
)


def test_the_digest_is_one_of_what_runs() -> None:
    again = replace(
        FIRST,
        id="v2",
        number=2,
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
        created_by="user-2",
        message="the same once more",
        commit_id="abc",
        status=PipelineStatus.READY,
        environment="e" * 64,
        discarded_at=datetime(2025, 1, 2, tzinfo=UTC),
        inputs=(Input("x", DataType.JSON, None, False, {"b": 2, "a": 1}),),
    )
    assert again.digest == FIRST.digest


@pytest.mark.parametrize(
    "change",
    [
        {"bundle": "c" * 64},
        {"function_path": "other.py"},
        {"function_name": "other"},
        {"inputs": ()},
        {"inputs": (Input("x", DataType.JSON, default_value={"a": 1}),)},
        {"outputs": (Output("y", DataType.NUMBER),)},
        {"config": ContainerConfig("python:3.12-slim")},
        {"calling": Calling.TYPED},
    ],
    ids=str,
)
def test_other_code_environment_or_signature_is_another_digest(change: dict[str, Any]) -> None:
    assert replace(FIRST, **change).digest != FIRST.digest


def test_inputs_are_not_mistaken_for_outputs() -> None:
    empty = replace(FIRST, inputs=())
    assert replace(empty, inputs=(Input("y", DataType.NUMBER),)).digest != (
        replace(empty, outputs=(Output("y", DataType.NUMBER),)).digest
    )


def test_a_version_can_run_while_it_is_ready_and_kept() -> None:
    ready = replace(FIRST, status=PipelineStatus.READY, environment="e" * 64)
    assert ready.can_run
    assert not replace(ready, discarded_at=FIRST.created_at).can_run
    assert not FIRST.can_run


def test_the_first_build_is_found_by_the_pipeline_and_others_by_their_version() -> None:
    pipeline = Pipeline("p1", "p", FIRST.created_at, "u", FIRST)
    assert pipeline.build_id == "p1"
    assert replace(pipeline, version=replace(FIRST, id="v2", number=2)).build_id == "v2"


@pytest.mark.parametrize("commit_id", [None, "0123456789abcdef" * 2 + "01234567", "f" * 64])
def test_commits(commit_id: str | None) -> None:
    assert check_commit(commit_id) == commit_id


@pytest.mark.parametrize("commit_id", ["", "abc", "F" * 40, "f" * 41, "f" * 40 + "\n", "g" * 40])
def test_what_is_no_commit(commit_id: str) -> None:
    with pytest.raises(InvalidRequest, match="commit_id must be the whole id"):
        check_commit(commit_id)


@pytest.mark.parametrize(("text", "message"), [(None, None), (" \n", None), (" é \n", "é")])
def test_messages(text: str | None, message: str | None) -> None:
    assert check_message(text) == message
    with pytest.raises(InvalidRequest, match="message has 1,001 characters"):
        check_message("x" * 1001)
