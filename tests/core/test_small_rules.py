"""Rules of the core that are a line or two each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.core.claims import Claim
from headrace.core.errors import InvalidName, InvalidRequest, InvalidValue
from headrace.core.executions import Execution, Status
from headrace.core.mappings import MappedInput, resolve_given
from headrace.core.parameters import Input
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
    check_system_package,
)
from headrace.core.projects import Project
from headrace.core.sources import DataStoreFile, EndpointValue, data_store_file, endpoint_value
from headrace.core.values import FileValue

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VERSION = PipelineVersion(
    *("v1", 1, "main.py", "fn", ContainerConfig("python:3.11-slim"), Origin.LOCAL, "digest"),
    created_at=NOW,
    created_by="u1",
    status=PipelineStatus.READY,
)
PIPELINE = Pipeline("p1", "p", NOW, "u1", VERSION)


def test_the_code_of_an_error_is_the_name_of_its_kind() -> None:
    assert InvalidName("x").code == "InvalidName"


def test_a_project_takes_its_whole_folder_unless_told_otherwise() -> None:
    assert Project().included_folders == ("/",)


@pytest.mark.parametrize("name", ["libgomp1", "g++", "python3.11-dev"])
def test_a_system_package_has_the_name_that_apt_takes(name: str) -> None:
    assert check_system_package(name, "system_dependencies") == name


@pytest.mark.parametrize("name", ["-o=x", "a b", "Libgomp1", "", "a;b", "a" * 3 + "\n"])
def test_nothing_else_is_handed_to_apt(name: str) -> None:
    with pytest.raises(InvalidRequest, match="system_dependencies names"):
        check_system_package(name, "system_dependencies")


def test_a_long_name_is_shown_by_its_beginning() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_system_package("A" * 500, "system_dependencies")
    assert f"'{'A' * 97}...'" in caught.value.message


def test_names_and_paths_of_sources_are_checked() -> None:
    assert endpoint_value("n", True, 1) == EndpointValue("n", True, 1)
    assert data_store_file("a/b") == DataStoreFile("a/b")
    with pytest.raises(InvalidName, match="endpoint_input_name"):
        endpoint_value("no name/", None, None)
    with pytest.raises(InvalidRequest):
        data_store_file("../a")
    assert Input("x", "file").data_type.value == "file"


@pytest.mark.parametrize("kind", ["number", "json", "string"])
def test_a_file_is_a_value_of_no_other_type(kind: str) -> None:
    given = {"n": FileValue("key", "f.txt", 1)}
    mapped = [MappedInput(Input("n", kind), EndpointValue("n"))]
    with pytest.raises(InvalidValue, match=f"must be of type {kind}, but a file was sent"):
        resolve_given(mapped, given)
    mapped = [MappedInput(Input("n", "file"), EndpointValue("n"))]
    assert resolve_given(mapped, given) == given


def test_a_pipeline_is_where_the_build_of_its_version_is() -> None:
    assert PIPELINE.status is PipelineStatus.READY


def test_a_claim_is_of_the_attempt_that_its_execution_is_at() -> None:
    execution = Execution("e1", "p1", "p", None, Status.RUNNING, NOW, "u1", attempt=2)
    assert Claim(execution, PIPELINE, "w1").attempt == 2
