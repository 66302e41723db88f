"""Pipelines made from a Dockerfile on a real server, by both clients."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import craft_ai_sdk
import craft_ai_sdk.io
import httpx
import pytest
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.console.conftest import desk_at
from tests.containers.conftest import Place

from headrace import (
    HeadraceSdk,
    Input,
    InvalidRequest,
    Output,
    PipelineCreationFailed,
    PipelineExecutionFailed,
)
from headrace.server.data_directory import DataDirectory
from headrace.server.engines import data_id_of

ROOT = Path(__file__).parents[2]

CLIENT = (
    "craft_ai_sdk",
    "strenum",
    "typing_extensions",
    "jwt",
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset_normalizer",
)
"""What the public client needs to be imported, itself among it."""

DOCKERFILE = """\
FROM {base}
COPY . /work/
ENV PYTHONPATH=/work/site
CMD ["python3", "-u", "/work/program.py"]
"""

PROGRAM = """\
import io, json, os, time
with open(os.environ["HEADRACE_INPUTS"]) as file:
    given = json.load(file)
print("given", given["number"])
found = {}
if given.get("at"):
    from craft_ai_sdk import CraftAiSdk
    sdk = CraftAiSdk()
    sdk.upload_data_store_object(io.BytesIO(b"from inside"), given["at"])
    found["names"] = [item["name"] for item in sdk.list_environment_variables()]
    try:
        sdk.delete_pipeline("anything")
    except Exception as error:
        found["refused"] = str(error)
while given["number"] < 0:
    time.sleep(0.1)
with open("/tmp/made.txt", "w") as file:
    file.write("made")
with open(os.environ["HEADRACE_OUTPUTS"], "w") as file:
    json.dump({"twice": 2 * given["number"], "found": found, "file": "/tmp/made.txt"}, file)
"""

INPUTS = [Input("number", "number", is_required=True), Input("at", "string")]
OUTPUTS = [Output("twice", "number"), Output("found", "json"), Output("file", "file")]


@pytest.fixture(scope="module")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has the container engine."""
    root = tmp_path_factory.mktemp("dockerfiles")
    running = RunningServer(root / "data", dict(place.environ)).start()
    yield running
    assert running.stop() == 0, running.log.read_text()
    data_id = data_id_of(DataDirectory(running.data_dir))
    assert place.containers_of(data_id) == []
    for name in place.images_of(data_id):
        place.ask("rmi", name)


@pytest.fixture(scope="module")
def sdk(server: RunningServer) -> HeadraceSdk:
    return HeadraceSdk(environment_url=server.url, sdk_token=server.token, verbose_log=False)


@pytest.fixture(scope="module")
def folder(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Dockerfile, a program, and a function as well."""
    made = tmp_path_factory.mktemp("folder")
    (made / "Dockerfile").write_text(DOCKERFILE.format(base=place.base))
    (made / "program.py").write_text(PROGRAM)
    (made / "plain.py").write_text(
        "def twice(number, at=None):\n    return {'twice': 3 * number}\n"
    )
    for name in CLIENT:
        copy_package(name, made / "site")
    return made


def copy_package(name: str, target: Path) -> None:
    """Copy a package without what is for one Python only, or a module of one file."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    target.mkdir(exist_ok=True)
    if source.name != "__init__.py":
        shutil.copy2(source, target)
        return
    left_out = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(source.parent, target / name, ignore=left_out)


def config(folder: Path) -> dict[str, Any]:
    return {"local_folder": str(folder), "dockerfile_path": "Dockerfile"}


@pytest.fixture(scope="module")
def pipeline(sdk: HeadraceSdk, folder: Path) -> str:
    name = "from-dockerfile"
    sdk.create_pipeline(name, container_config=config(folder), inputs=INPUTS, outputs=OUTPUTS)
    return name


def test_it_runs_with_records_logs_files_and_access_to_the_api(
    sdk: HeadraceSdk, pipeline: str
) -> None:
    sdk.create_or_update_environment_variable("FROM_DOCKERFILE_TEST", "1")
    done = sdk.run_pipeline(pipeline, {"number": 2, "at": "from-dockerfile/inside"})
    assert done["outputs"]["twice"] == 4
    assert done["outputs"]["file"] == b"made"
    found = done["outputs"]["found"]
    assert "FROM_DOCKERFILE_TEST" in found["names"]
    assert "may not" in found["refused"]
    target = io.BytesIO()
    sdk.download_data_store_object("from-dockerfile/inside", target)
    assert target.getvalue() == b"from inside"
    lines = sdk.get_pipeline_execution_logs(done["execution_id"])
    assert ("stdout", "given 2") in {(line["stream"], line["message"]) for line in lines}
    shown = sdk.get_pipeline(pipeline)["parameters"]
    assert (shown["function_path"], shown["function_name"]) == (None, None)
    assert shown["container_config"]["dockerfile_path"] == "Dockerfile"
    assert shown["container_config"]["language"] is None


def test_a_failure_is_recorded_with_what_the_program_said_last(
    sdk: HeadraceSdk, pipeline: str
) -> None:
    with pytest.raises(PipelineExecutionFailed, match="exit status 1: "):
        sdk.run_pipeline(pipeline, {"number": 1, "at": "../outside"})


def test_the_public_client_makes_one_and_deploys_it(
    server: RunningServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.client_environ.items():
        monkeypatch.setenv(name, value)
    public = craft_ai_sdk.CraftAiSdk(verbose_log=False)
    public.create_pipeline(
        "public-dockerfile",
        container_config={
            **config(folder),
            "included_folders": ["Dockerfile", "program.py"],
            "language": craft_ai_sdk.CREATION_PARAMETER_VALUE.NULL,
        },
        inputs=[craft_ai_sdk.io.Input("number", "number")],
        outputs=[craft_ai_sdk.io.Output("twice", "number")],
    )
    made = public.create_deployment("public-dockerfile", "public-dockerfile", "endpoint")
    answer = public.trigger_endpoint(
        "public-dockerfile", made["endpoint_token"], inputs={"number": 21}
    )
    assert answer["outputs"] == {"twice": 42}


def test_the_console_makes_one_of_a_sent_folder(
    server: RunningServer, sdk: HeadraceSdk, folder: Path
) -> None:
    code = [(f"top/{name}", (folder / name).read_bytes()) for name in ("Dockerfile", "program.py")]
    with desk_at(server) as desk:
        sent = desk.web.post("/pipelines/new", files=[("files", one) for one in code])
        at = sent.headers["location"]
        shown = desk.web.get(at).text
        # There is no function that could be read, so a Dockerfile is asked for.
        assert 'name="container_config[dockerfile_path]"' in shown
        assert "No image can be built here" not in shown
        made = desk.web.post(
            "/pipelines/new/function",
            data={
                "code": parse_qs(urlsplit(at).query)["code"][0],
                "kind": "dockerfile",
                "pipeline_name": "dockerfile-in-console",
                "container_config[dockerfile_path]": "Dockerfile",
                "inputs[0][name]": "number",
                "inputs[0][data_type]": "number",
                "outputs[0][name]": "twice",
                "outputs[0][data_type]": "number",
            },
        )
        assert made.status_code == 303, made.text
        again = desk.web.get(f"{at}&pipeline=dockerfile-in-console").text
        assert 'name="inputs[0][name]"' in again
        assert 'value="number"' in again

    def status() -> str:
        return str(sdk.get_pipeline("dockerfile-in-console")["creation_info"]["status"])

    wait_until(lambda: "pending" not in status(), timeout_s=90)
    done = sdk.run_pipeline("dockerfile-in-console", {"number": 5})
    assert done["outputs"] == {"twice": 10}


def test_low_latency_is_refused_however_it_is_asked_for(
    sdk: HeadraceSdk, pipeline: str, folder: Path
) -> None:
    refused = r"'low_latency' .*is not for pipelines made from a Dockerfile"
    with pytest.raises(InvalidRequest, match=refused):
        sdk.create_deployment(pipeline, "low-dockerfile", "endpoint", mode="low_latency")
    name = "becomes-dockerfile"
    plain = {"local_folder": str(folder), "included_folders": ["plain.py"]}
    outputs = OUTPUTS[:1]
    sdk.create_pipeline(name, "plain.py", "twice", None, plain, inputs=INPUTS, outputs=outputs)
    sdk.create_deployment(name, name, "endpoint", mode="low_latency")
    image: dict[str, Any] = {
        "container_config": config(folder),
        "inputs": INPUTS,
        "outputs": outputs,
    }
    with pytest.raises(InvalidRequest, match=refused):
        sdk.create_pipeline(name, **image, replace=True, force=True)
    sdk.delete_deployment(name)
    # Without it, each version has the engine that it needs.
    assert sdk.create_pipeline(name, **image, replace=True)["creation_info"]["version"] == 2
    assert sdk.run_pipeline(name, {"number": 1})["outputs"] == {"twice": 2}
    with pytest.raises(InvalidRequest, match=refused):
        sdk.create_deployment(name, name, "endpoint", mode="low_latency")
    sdk.rollback_pipeline(name, 1)
    assert sdk.run_pipeline(name, {"number": 1})["outputs"] == {"twice": 3}


def test_a_build_that_fails_says_why_and_its_log_has_all_of_it(
    sdk: HeadraceSdk, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {place.base}\nRUN echo some words; exit 9\n")
    with pytest.raises(PipelineCreationFailed, match="The image cannot be built from Dockerfile"):
        sdk.create_pipeline("fails-dockerfile", container_config=config(tmp_path))
    lines = [line["message"] for line in sdk.get_pipeline_logs("fails-dockerfile")]
    assert "some words" in lines


def test_its_pages_show_the_container(server: RunningServer, pipeline: str) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as web:
        token = web.post("/api/v1/auth/refresh", json={"refresh_token": server.token})
        web.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        pages = {
            path: web.get(f"/pipelines/{pipeline}{path}") for path in ("", "/run", "/versions")
        }
        pages["all"] = web.get("/pipelines")
        assert {name: page.status_code for name, page in pages.items()} == dict.fromkeys(pages, 200)
    assert "<b>container</b><small>Dockerfile</small>" in pages[""].text
    assert "an image of its own" in pages["all"].text


def test_the_example_of_the_guide_works(
    server: RunningServer, place: Place, tmp_path: Path
) -> None:
    page = (ROOT / "docs/guides/dockerfile-pipelines.md").read_text()
    blocks = re.findall(r"<!-- (?:file: (\S+)|not run: .*?) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    *files, (_, commands) = blocks
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(
            re.sub(r"^FROM .*$", f"FROM {place.base}", text, flags=re.MULTILINE)
        )
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={
            **clean_environ(),
            **server.client_environ,
            "PATH": f"{HEADRACE.parent}:{os.environ['PATH']}",
        },
        check=True,
        timeout=100,
    )
    assert (tmp_path / "results/report.txt").read_text() == "twice 4"


def test_a_killed_server_leaves_no_container_and_records_the_end(
    server: RunningServer, sdk: HeadraceSdk, pipeline: str, place: Place
) -> None:
    data_id = data_id_of(DataDirectory(server.data_dir))
    started = sdk.run_pipeline(pipeline, {"number": -1}, wait_for_completion=False)
    ident = started["execution_id"]

    def logs() -> list[str]:
        return [line["message"] for line in sdk.get_pipeline_execution_logs(ident)]

    wait_until(lambda: "given -1" in logs(), what="it runs")
    server.kill()
    wait_until(lambda: place.containers_of(data_id) == [], what="its container is gone")
    server.start()
    wait_until(lambda: sdk.get_pipeline_execution(ident)["status"] == "Error", what="its end")


def test_a_start_removes_what_nobody_else_has_removed(
    server: RunningServer, pipeline: str, place: Place
) -> None:
    assert pipeline
    data_id = data_id_of(DataDirectory(server.data_dir))
    assert server.stop() == 0
    command = ("python3", "-c", "import time; time.sleep(1000)")
    place.ask(
        "run", "-d", "--network=host", f"--label=headrace.data={data_id}", place.base, *command
    )
    assert place.containers_of(data_id) != []
    server.start()
    assert place.containers_of(data_id) == []
