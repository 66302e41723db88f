"""Both clients, without arguments, in the code of pipelines: while it is imported and in calls."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from craft_ai_sdk.io import Input, Output

ROOT = Path(__file__).resolve().parents[2]

SOURCE = '''
"""A model that is loaded when the process starts, and clients that are kept."""

import io
import os

from craft_ai_sdk import CraftAiSdk
from headrace import HeadraceSdk

NAMES = ("ENVIRONMENT_URL", "CONTROL_URL", "SDK_TOKEN", "EXECUTION_ID")


def variables():
    prefixes = ("CRAFT_AI", "HEADRACE")
    return [os.environ.get(f"{prefix}_{name}") for prefix in prefixes for name in NAMES]


def load(client):
    target = io.BytesIO()
    client.download_data_store_object(os.environ["MODEL_AT"], target)
    return target.getvalue().decode()


def outcome(action, *args, **kwargs):
    try:
        action(*args, **kwargs)
        return "done"
    except Exception as error:
        return str(error)


public, own = CraftAiSdk(), HeadraceSdk()
at_import = {
    "variables": variables(),
    "models": [load(public), load(own)],
    "upload": outcome(public.upload_data_store_object, io.BytesIO(b"x"), "inside/at-import"),
    "delete": outcome(own.delete_data_store_object, "inside/model"),
}


def report(pipeline, deployment):
    fresh = {"public": CraftAiSdk(), "own": HeadraceSdk()}
    kept = {"public": public, "own": own}
    found = {"at_import": at_import, "variables": variables()}
    for age, clients in (("fresh", fresh), ("kept", kept)):
        for kind, sdk in clients.items():
            path = f"inside/{age}-{kind}"
            found[f"{age} {kind}"] = {
                "upload": outcome(sdk.upload_data_store_object, io.BytesIO(b"x"), path),
                "delete": outcome(sdk.delete_data_store_object, path),
                "names": [item["name"] for item in sdk.list_environment_variables()],
                "token": sdk.get_deployment(deployment)["endpoint_token"],
                "call": sdk.trigger_endpoint(deployment, inputs={"number": 2})["outputs"],
                "run": sdk.run_pipeline(pipeline, inputs={"number": 3})["outputs"],
                "refused": [
                    outcome(sdk.create_or_update_environment_variable, "INSIDE", "1"),
                    outcome(sdk.delete_environment_variable, "MODEL_AT"),
                    outcome(sdk.delete_pipeline, pipeline),
                    outcome(sdk.delete_deployment, deployment),
                    outcome(sdk.create_deployment, pipeline, "inside-more", "endpoint"),
                    outcome(sdk.generate_new_endpoint_token, deployment),
                ],
            }
    return {"found": found}
'''

DOUBLE = "def double(number):\n    return {'twice': number * 2}\n"


@pytest.fixture(scope="module")
def place(public_sdk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The pipeline, another one, an endpoint of that, and a model in the data store."""
    folder = tmp_path_factory.mktemp("inside")
    uv = Path(sys.executable).parent / "uv"
    build: list[str | Path] = [uv, "build", "--wheel", "-q", "-o", folder, ROOT]
    subprocess.run(build, check=True, timeout=100)
    (folder / ".gitignore").unlink(missing_ok=True)
    (wheel,) = folder.glob("*.whl")
    (folder / "main.py").write_text(SOURCE)
    (folder / "double.py").write_text(DOUBLE)
    (folder / "requirements.txt").write_text(f"craft-ai-sdk==0.74.7\n./{wheel.name}\n")
    public_sdk.upload_data_store_object(io.BytesIO(b"weights"), "inside/model")
    public_sdk.create_or_update_environment_variable("MODEL_AT", "inside/model")
    suffix = uuid.uuid4().hex[:8]
    report, double = f"report-{suffix}", f"double-{suffix}"
    public_sdk.create_pipeline(
        pipeline_name=report,
        function_path="main.py",
        function_name="report",
        container_config={"local_folder": str(folder), "requirements_path": "requirements.txt"},
        inputs=[Input("pipeline", "string"), Input("deployment", "string")],
        outputs=[Output("found", "json")],
    )
    public_sdk.create_pipeline(
        pipeline_name=double,
        function_path="double.py",
        function_name="double",
        container_config={"local_folder": str(folder), "included_folders": ["double.py"]},
        inputs=[Input("number", "number")],
        outputs=[Output("twice", "number")],
    )
    public_sdk.create_deployment(double, double, "endpoint")
    shutil.rmtree(folder)
    yield report, double, double
    for name in (report, double):
        public_sdk.delete_pipeline(name, force_deployments_deletion=True)
    public_sdk.delete_environment_variable("MODEL_AT")


def check(found: dict[str, Any], execution_id: str) -> None:
    """What code sees while it is imported, and what it may do in a call, with whichever client."""
    at_import = found["at_import"]
    url, control, token, no_id = at_import["variables"][:4]
    assert at_import["variables"][4:] == [url, control, token, no_id]
    assert (url, no_id) == (control, None)
    assert at_import["models"] == ["weights", "weights"]
    for refused in (at_import["upload"], at_import["delete"]):
        assert "that is being imported" in refused
        assert "in the function" in refused
    assert found["variables"][:2] == [url, url]
    assert found["variables"][3] == execution_id
    assert found["variables"][4:] == found["variables"][:4]
    for who in ("fresh public", "fresh own", "kept public", "kept own"):
        seen = found[who]
        assert seen["upload"] == seen["delete"] == "done", who
        assert "MODEL_AT" in seen["names"]
        assert seen["token"] is None
        assert seen["call"] == {"twice": 4}
        assert seen["run"] == {"twice": 6}
        for refused in seen["refused"]:
            assert "Code inside an execution may not do this" in refused
        assert "HEADRACE_EXECUTIONS_MAY=variables" in seen["refused"][0]


def asked(server: Any, token: str) -> httpx.Response:
    body = {"refresh_token": token}
    return httpx.post(f"{server.url}/api/v1/auth/refresh", json=body)


def test_a_template(server: Any, public_sdk: Any, place: tuple[str, ...]) -> None:
    report, pipeline, deployment = place
    inputs = {"pipeline": pipeline, "deployment": deployment}
    tokens = set()
    for _ in range(2):
        run = public_sdk.run_pipeline(report, inputs=inputs)
        found = run["outputs"]["found"]
        check(found, run["execution_id"])
        imported = found["at_import"]["variables"][2]
        assert found["variables"][2] != imported
        assert asked(server, found["variables"][2]).status_code == 401
        tokens.add(imported)
    # The template lives on, and may no more than read now.
    (token,) = tokens
    access = asked(server, token).json()["access_token"]
    headers = {"authorization": f"Bearer {access}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers) as http:
        assert http.get("/data-store/list").status_code == 200
        assert http.get("/tokens").status_code == 403
        upload = http.get("/data-store/upload", params={"path_to_object": "inside/later"})
        assert upload.status_code == 403


def test_a_pod(server: Any, public_sdk: Any, place: tuple[str, ...]) -> None:
    report, pipeline, deployment = place
    name = f"warm-{uuid.uuid4().hex[:8]}"
    public_sdk.create_deployment(report, name, "endpoint", mode="low_latency")
    inputs = {"pipeline": pipeline, "deployment": deployment}
    call = public_sdk.trigger_endpoint(name, inputs=inputs)
    found = call["outputs"]["found"]
    check(found, call["execution_id"])
    token = found["at_import"]["variables"][2]
    assert found["variables"][2] == token
    access = asked(server, token).json()["access_token"]
    public_sdk.delete_deployment(name)
    assert "has ended" in asked(server, token).json()["message"]
    headers = {"authorization": f"Bearer {access}"}
    refused = httpx.get(f"{server.url}/api/v1/users/me", headers=headers)
    assert refused.status_code == 401
