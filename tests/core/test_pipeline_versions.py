"""What makes two versions of a pipeline run the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    Calling,
    ContainerConfig,
    Origin,
    PipelineStatus,
    PipelineVersion,
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
