"""Creating and looking at pipelines with the SDK, against a real server."""

from __future__ import annotations

import tarfile

import pytest

from headrace import (
    CREATION_PARAMETER_VALUE,
    AlreadyExists,
    Input,
    InvalidCode,
    InvalidName,
    NotFound,
    Output,
    PipelineCreationFailed,
    WaitTimeout,
)

pytestmark = pytest.mark.system


@pytest.fixture
def fresh(sdk):
    """Returns unused names; pipelines of these names are deleted at the end."""
    names = [f"fresh-{number}" for number in range(3)]
    yield iter(names)
    for pipeline in sdk.list_pipelines():
        if pipeline["pipeline_name"] in names:
            sdk.delete_pipeline(pipeline["pipeline_name"])


def test_a_created_pipeline_is_what_was_asked_for(sdk, fresh, folder):
    made = sdk.create_pipeline(
        pipeline_name=next(fresh),
        function_path="main.py",
        function_name="add",
        description="Adds",
        container_config={
            "local_folder": folder,
            "language": "python:3.11-slim",
            "included_folders": ["main.py"],
            "requirements_path": CREATION_PARAMETER_VALUE.NULL,
        },
        inputs=[
            Input("number1", "number", "first", True),
            Input("number2", "number", None, None, 2),
        ],
        outputs=[Output("number3", "number")],
    )
    assert made["parameters"] == {
        "pipeline_name": "fresh-0",
        "function_path": "main.py",
        "function_name": "add",
        "description": "Adds",
        "inputs": [
            {
                "name": "number1",
                "data_type": "number",
                "description": "first",
                "is_required": True,
                "default_value": None,
            },
            {
                "name": "number2",
                "data_type": "number",
                "description": None,
                "is_required": False,
                "default_value": 2,
            },
        ],
        "outputs": [{"name": "number3", "data_type": "number", "description": None}],
        "container_config": {
            "language": "python:3.11-slim",
            "repository_url": None,
            "repository_branch": None,
            "included_folders": ["main.py"],
            "system_dependencies": None,
            "dockerfile_path": None,
            "requirements_path": None,
        },
    }
    info = made["creation_info"]
    assert (info["status"], info["origin"], info["last_execution_id"]) == ("ready", "local", None)
    assert not {"id", "is_archived"} & set(info)
    assert (info["version"], info.pop("is_new")) == (1, True)
    assert sdk.get_pipeline("fresh-0", wait_for_completion=True) == made
    assert "fresh-0" in [item["pipeline_name"] for item in sdk.list_pipelines()]


def test_a_name_is_used_once(sdk, pipeline, folder):
    with pytest.raises(AlreadyExists, match="sdk-add"):
        sdk.create_pipeline(
            pipeline("add"), "main.py", "nothing", container_config={"local_folder": str(folder)}
        )


def test_code_that_cannot_work_is_refused_at_once(sdk, fresh, folder):
    config = {"local_folder": str(folder)}
    with pytest.raises(InvalidCode, match=r"mian\.py"):
        sdk.create_pipeline(next(fresh), "mian.py", "add", container_config=config)
    with pytest.raises(InvalidCode, match="subtract"):
        sdk.create_pipeline(next(fresh), "main.py", "subtract", container_config=config)


def test_a_failed_build_says_why_and_keeps_its_log(sdk, fresh, folder, tmp_path):
    (tmp_path / "main.py").write_text((folder / "main.py").read_text())
    (tmp_path / "requirements.txt").write_text("./missing-package\n")
    config = {"local_folder": str(tmp_path), "requirements_path": "requirements.txt"}
    name = next(fresh)
    with pytest.raises(PipelineCreationFailed, match=name):
        sdk.create_pipeline(name, "main.py", "nothing", container_config=config)
    with pytest.raises(PipelineCreationFailed):
        sdk.get_pipeline(name, wait_for_completion=True)
    assert sdk.get_pipeline(name)["creation_info"]["status"] == "creation_failed"
    assert "missing-package" in "".join(line["message"] for line in sdk.get_pipeline_logs(name))


def test_a_wait_ends_at_its_time_and_the_build_goes_on(sdk, fresh, folder):
    name = next(fresh)
    config = {"local_folder": str(folder)}
    with pytest.raises(WaitTimeout, match=f"{name}.*goes on"):
        sdk.create_pipeline(name, "main.py", "nothing", None, config, timeout_s=0)
    assert sdk.get_pipeline(name, True)["creation_info"]["status"] == "ready"


def test_the_log_of_a_build_can_be_followed(sdk, fresh, folder):
    name = next(fresh)
    config = {"local_folder": str(folder)}
    sdk.create_pipeline(name, "main.py", "nothing", None, config, wait_for_completion=False)
    followed = list(sdk.iter_pipeline_logs(name, follow=True))
    assert sdk.get_pipeline(name)["creation_info"]["status"] == "ready"
    assert followed == sdk.get_pipeline_logs(name)
    assert name in followed[0]["message"]


def test_the_folder_of_a_pipeline_can_be_had_back(sdk, pipeline, folder, tmp_path):
    sdk.download_pipeline_local_folder(pipeline("add"), str(tmp_path))
    with tarfile.open(tmp_path / "sdk-add.tgz") as tar:
        member = tar.extractfile("main.py")
        assert member is not None
        assert member.read() == (folder / "main.py").read_bytes()


def test_a_deleted_pipeline_is_gone(sdk, fresh, folder):
    name = next(fresh)
    sdk.create_pipeline(name, "main.py", "nothing", container_config={"local_folder": str(folder)})
    assert sdk.delete_pipeline(name) == {"pipeline": {"name": name}, "deployments": []}
    with pytest.raises(NotFound, match=name):
        sdk.get_pipeline(name)


@pytest.mark.parametrize("name", ["a/b", "a?b#c", "é", "%2e%2e"])
def test_a_name_that_no_pipeline_has_is_not_found(sdk, name):
    with pytest.raises(NotFound):
        sdk.get_pipeline(name)


@pytest.mark.parametrize("name", ["", ".", "..", None])
def test_a_name_that_would_be_another_route_is_refused(sdk, name):
    with pytest.raises(InvalidName, match="name must be a name"):
        sdk.get_pipeline(name)
