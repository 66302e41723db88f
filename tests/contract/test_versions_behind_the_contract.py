"""The public client and pipelines that Headrace's own client deploys again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from craft_ai_sdk import io
from craft_ai_sdk.exceptions import SdkException

from headrace import Input, Output, PipelineCreationFailed

KEYS = {"created_at", "created_by", "commit_id", "status", "origin", "pipeline_template"}


@pytest.fixture
def name(own_sdk: Any) -> Iterator[str]:
    chosen = f"again-{uuid.uuid4().hex[:8]}"
    yield chosen
    own_sdk.delete_pipeline(chosen, force_deployments_deletion=True)


def deploy(sdk: Any, name: str, folder: Path, source: str, **more: Any) -> Any:
    (folder / "main.py").write_text(source)
    return sdk.create_pipeline(
        name,
        "main.py",
        "main",
        container_config={"local_folder": str(folder)},
        inputs=[Input("x", "number")],
        outputs=[Output("y", "number")],
        **more,
    )


def test_it_sees_one_pipeline_that_runs_the_current_version(
    public_sdk: Any, own_sdk: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("def main(x):\n    return {'y': x + 1}\n")
    made = public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="main.py",
        function_name="main",
        container_config={"local_folder": str(tmp_path)},
        inputs=[io.Input("x", "number")],
        outputs=[io.Output("y", "number")],
    )
    public_sdk.create_deployment(name, name, execution_rule="endpoint")
    assert public_sdk.trigger_endpoint(name, inputs={"x": 1})["outputs"] == {"y": 2}

    deploy(own_sdk, name, tmp_path, "def main(x):\n    return {'y': x + 2}\n", replace=True)
    seen = public_sdk.get_pipeline(name)
    assert set(seen["creation_info"]) - {"last_execution_id"} == KEYS
    for key in ("created_at", "created_by", "status"):
        assert seen["creation_info"][key] == made["creation_info"][key]
    assert set(public_sdk.get_deployment(name)["pipeline"]) == {"name"}
    assert public_sdk.trigger_endpoint(name, inputs={"x": 1})["outputs"] == {"y": 3}
    run = public_sdk.run_pipeline(name, {"x": 2})
    execution = public_sdk.get_pipeline_execution(run["execution_id"])
    assert not {"version", "pipeline_version", "rerun_of"} & set(execution)
    assert run["outputs"] == {"y": 4}

    own_sdk.rollback_pipeline(name)
    assert public_sdk.trigger_endpoint(name, inputs={"x": 1})["outputs"] == {"y": 2}


def test_what_is_built_behind_it_is_not_its_status(
    public_sdk: Any, own_sdk: Any, name: str, tmp_path: Path
) -> None:
    deploy(own_sdk, name, tmp_path, "def main(x):\n    return {'y': x + 1}\n", replace=True)
    slow = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
    slow += "    time.sleep(0.01)\nraise ImportError\n\ndef main(x):\n    return {'y': 0}\n"
    more = {"replace": True, "wait_for_completion": False}
    assert deploy(own_sdk, name, tmp_path, slow, **more)["creation_info"]["version"] == 2
    for _ in ("pending", "failed"):
        assert public_sdk.get_pipeline(name)["creation_info"]["status"] == "ready"
        listed = {item["pipeline_name"]: item for item in public_sdk.list_pipelines()}
        assert listed[name]["status"] == "ready"
        with pytest.raises(SdkException, match="already"):
            public_sdk.create_pipeline(
                name, "main.py", "main", container_config={"local_folder": str(tmp_path)}
            )
        (tmp_path / "go").touch()
        with pytest.raises(PipelineCreationFailed):
            own_sdk.get_pipeline_version(name, 2, wait_for_completion=True)
