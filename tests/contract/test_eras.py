"""Every era of the public client, unmodified: a program of each release against one server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, files_below

INSTALL_S = 60
PROGRAM_S = 60
# An environment, the client in it, and two programs. The limit of each step comes before that of
# its test, because it says which step it was.
pytestmark = [pytest.mark.system, pytest.mark.timeout(2 * INSTALL_S + 2 * PROGRAM_S + 60)]

RELEASES = [
    *("0.30.0", "0.35.0", "0.38.2", "0.42.0", "0.46.2", "0.50.1", "0.52.1", "0.53.0"),
    *("0.55.2", "0.56.0", "0.59.0", "0.62.3", "0.64.1", "0.66.1", "0.74.7"),
]
ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "moving-from-craft-ai.md"
PROGRAM = Path(__file__).with_name("era_program.py")
UV = Path(sys.executable).with_name("uv")
CODE = """\
def repeat(word, times, document):
    print("said", word)
    if word == "fail":
        raise ValueError("as asked")
    content = open(document["path"]).read() if document else ""
    with open("copy.txt", "w") as file:
        file.write(content[::-1])
    return {"text": word * int(times), "copy": {"path": "copy.txt"}}


def plain():
    pass
"""

Found = dict[str, Any]


@dataclass
class Era:
    """A release of the client in an environment of its own."""

    release: str
    python: Path
    server: RunningServer
    code: Path

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.release.split(".")[:2])

    def run(self, folder: Path, *arguments: str) -> str:
        """Run Python with this client, which finds the server in its environment."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        done = subprocess.run(
            [str(self.python), "-W", "ignore", *arguments],
            cwd=folder,
            env=kept | self.server.client_environ,
            capture_output=True,
            text=True,
            timeout=PROGRAM_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def program(self, folder: Path, name: str, *more: str) -> Found:
        """Run the program of this era, whose objects are called by ``name``."""
        arguments = (self.release, f"file://{self.code}", str(self.code), name, *more)
        found: Found = json.loads(self.run(folder, str(PROGRAM), *arguments))
        return found


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code, which is a repository too."""
    folder = tmp_path_factory.mktemp("era") / "code"
    folder.mkdir()
    (folder / "main.py").write_text(CODE)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True)
    return folder


def installed(folder: Path, release: str) -> Path:
    """Return an interpreter that has a release of the client and nothing else."""
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, folder], check=True, timeout=INSTALL_S)
    python = folder / "bin" / "python"
    command: list[str | Path] = [
        UV,
        "pip",
        "install",
        "-q",
        "-p",
        python,
        f"craft-ai-sdk=={release}",
    ]
    subprocess.run(command, check=True, timeout=INSTALL_S)
    return python


@pytest.fixture(params=RELEASES)
def era(request: pytest.FixtureRequest, server: RunningServer, code: Path, tmp_path: Path) -> Era:
    return Era(request.param, installed(tmp_path / "client", request.param), server, code)


@pytest.fixture
def name() -> str:
    return f"era-{uuid.uuid4().hex[:8]}"


@pytest.mark.once
def test_a_program_of_each_release_runs_without_a_change(
    era: Era, tmp_path: Path, name: str
) -> None:
    found = era.program(tmp_path, name)
    check_pipelines(era.version, name, found.pop("made"))
    assert set(found.pop("calls")) == promised(era.release)
    last = f"{name}-own" if era.version >= (0, 45) else f"{name}-step"
    assert found.pop("run") == {
        "outputs": {"text": "hohoho", "copy": "nur a fo"},
        "status": "Succeeded",
        "log": ["said ho"],
        "output": "hohoho",
        "input": 3,
        "steps": [last],
        "deleted": True,
    }
    assert "ValueError: as asked" in found.pop("failure")
    for kind in ("elastic", "low_latency") if era.version >= (0, 42) else ("elastic",):
        check_deployment(era.version, found.pop(kind))
    assert found.pop("deleted") == (f"{name}-own" if era.version >= (0, 45) else f"{name}-of-step")
    if era.version < (0, 73):
        assert found.pop("left") in ([None], [404])
    assert found == {
        "user": True,
        "files": {"copied": "llac a fo"},
        "schedule": "0 0 1 1 *",
        "store": {"whole": True, "listed": ["big", "small"], "size": found["store"]["size"]},
        "variable": "of an era",
        "metrics": [[], []],
    }


def promised(release: str) -> set[str]:
    """Return the calls that the guide says a program of a release may make."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|$", GUIDE.read_text(), re.MULTILINE)
    at = RELEASES.index(release)
    return {
        call for call, first, last in rows if RELEASES.index(first) <= at <= RELEASES.index(last)
    }


def check_pipelines(version: tuple[int, ...], name: str, made: Found) -> None:
    """Check what a release was told of its pipelines, and in which shape."""
    ready = "ready" if version >= (0, 50) else "Ready"
    if version < (0, 73):
        assert (made["step"], made["step_name"], made["listed"]) == (ready, f"{name}-step", True)
        assert f"{name}-of-step" in made["pipelines"]
        check_shape(version, made["of_step"], f"{name}-of-step", f"{name}-step")
    assert f"{name}-step" not in made["pipelines"]
    if version >= (0, 45):
        check_shape(version, made["own"], f"{name}-own", f"{name}-own")
        assert made["own"]["creation_info"]["status"] == ready
    assert made.get("log", True)
    assert made["absent"] == (None if version < (0, 57) else 404)


def check_shape(version: tuple[int, ...], pipeline: Found, name: str, step: str) -> None:
    if version >= (0, 56):
        assert pipeline["parameters"]["pipeline_name"] == name
        assert [item["name"] for item in pipeline["parameters"]["inputs"]] == [
            *("word", "times", "document")
        ]
        return
    begin = "" if version >= (0, 45) else "open_"
    assert (pipeline["pipeline_name"], pipeline["steps"]) == (name, [step])
    inputs, outputs = pipeline[f"{begin}inputs"], pipeline[f"{begin}outputs"]
    assert inputs[1] == {
        "input_name": "times",
        "step_name": step,
        "data_type": "number",
        "description": None,
        "is_required": False,
        "default_value": 2,
    }
    assert [item["output_name"] for item in outputs] == ["text", "copy"]


def check_deployment(version: tuple[int, ...], deployment: Found) -> None:
    keys = {"status": "up", "is_enabled": True}
    if version < (0, 42):
        keys["update_status"] = "success"
    if version < (0, 38):
        keys["active"] = True
    noun = "pipeline" if version >= (0, 46) else "step"
    assert f"{noun}_input_name" in deployment.pop("mapped")
    assert deployment == {
        "status": keys,
        "answers": ["haha", "hihi", "hehe"],
        "listed": True,
    }


LOOK = """
import json, sys
from craft_ai_sdk import CraftAiSdk
sdk = CraftAiSdk(verbose_log=False)
steps = sdk.get_pipeline(sys.argv[1])["steps"]
result = sdk.run_pipeline(sys.argv[1], inputs={"word": "a", "times": 3})
status = sdk.get_step(sys.argv[1])["creation_info"]["status"]
json.dump([steps, status, result], sys.stdout, default=str)
"""


def test_what_one_era_makes_the_others_see(
    server: RunningServer, public_sdk: Any, own_sdk: Any, code: Path, tmp_path: Path, name: str
) -> None:
    old = Era("0.46.2", installed(tmp_path / "client", "0.46.2"), server, code)
    old.program(tmp_path, name, "keep")
    try:
        of_step = public_sdk.get_pipeline(f"{name}-of-step")
        assert of_step["parameters"]["function_name"] == "repeat"
        assert public_sdk.run_pipeline(f"{name}-of-step", inputs={"word": "b"})["outputs"][
            "text"
        ] == "bb"  # fmt: skip
        config = {"local_folder": str(code)}
        own_sdk.create_pipeline(
            *(f"{name}-new", "main.py", "repeat"),
            container_config=config,
            inputs=own_sdk_inputs(),
            outputs=own_sdk_outputs(),
        )
        seen = json.loads(old.run(tmp_path, "-c", LOOK, f"{name}-new"))
        assert seen[:2] == [[f"{name}-new"], "Ready"]
        assert "aaa" in str(seen[2])
        listed = {item["pipeline_name"] for item in public_sdk.list_pipelines()}
        assert {f"{name}-of-step", f"{name}-own", f"{name}-new"} <= listed
        assert f"{name}-step" not in listed
        for hidden in (f"step:{name}-step", f"step%3A{name}-step"):
            with pytest.raises(Exception, match="There is nothing of the name"):
                public_sdk.get_pipeline(hidden)
    finally:
        for made in ("of-step", "own", "new"):
            public_sdk.delete_pipeline(f"{name}-{made}")


def own_sdk_inputs() -> list[Any]:
    from headrace import Input

    return [Input("word", "string"), Input("times", "number"), Input("document", "file")]


def own_sdk_outputs() -> list[Any]:
    from headrace import Output

    return [Output("text", "string"), Output("copy", "file")]


STEPS = """
import json, sys
from craft_ai_sdk import CraftAiSdk, Input, Output
sdk = CraftAiSdk(verbose_log=False)
name, folder = sys.argv[1:]
told = []

def tell(action, *args, **kwargs):
    try:
        action(*args, **kwargs)
        told.append("done")
    except Exception as error:
        told.append(str(error))

config = {"local_folder": folder}
make = dict(function_path="main.py", function_name="plain", container_config=config)
tell(sdk.create_step, name, **make)
tell(sdk.create_step, name, **make)
tell(sdk.create_step, name + "-bad", **{**make, "function_name": "absent"})
tell(sdk.create_pipeline, name + "-p", step_name=name)
tell(sdk.create_pipeline, name + "-q", step_name="no-such-step")
tell(sdk.delete_step, name)
tell(sdk.delete_step, name, force_dependents_deletion=True)
tell(sdk.delete_step, name)
json.dump(told, sys.stdout)
"""


def test_steps_are_refused_and_deleted_in_words(
    server: RunningServer, code: Path, tmp_path: Path, name: str
) -> None:
    old = Era("0.55.2", installed(tmp_path / "client", "0.55.2"), server, code)
    told = json.loads(old.run(tmp_path, "-c", STEPS, name, str(code)))
    expected = [
        "done",
        f"There is a step named '{name}' already",
        "absent",
        "done",
        "There is no step 'no-such-step'",
        f"Pipelines are made of the step '{name}': {name}-p",
        "done",
        f"There is no step '{name}'",
    ]
    assert len(told) == len(expected)
    for said, words in zip(told, expected, strict=True):
        assert words in said, told


INSIDE = """\
import io

from craft_ai_sdk import CraftAiSdk

sdk = CraftAiSdk()
at_import = [item["name"] for item in sdk.list_environment_variables()]


def use(endpoint, token, path):
    sdk.record_metric_value("inside", 1.5)
    sdk.record_list_metric_values("inside-list", [1, 2])
    sdk.upload_data_store_object(io.BytesIO(b"kept"), path)
    target = io.BytesIO()
    CraftAiSdk().download_data_store_object(path, target)
    answer = sdk.trigger_endpoint(endpoint, token)
    try:
        sdk.delete_pipeline("no-matter-which")
        refused = "not refused"
    except Exception as error:
        refused = str(error)
    found = [target.getvalue().decode(), sorted(answer["outputs"]), refused, at_import]
    return {"found": found}
"""


@pytest.mark.parametrize("release", ["0.30.0", "0.46.2", "0.55.2"])
def test_code_inside_uses_the_client_of_its_requirements(
    own_sdk: Any, code: Path, tmp_path: Path, name: str, release: str
) -> None:
    from headrace import Input, Output

    (tmp_path / "main.py").write_text(INSIDE)
    (tmp_path / "requirements.txt").write_text(f"craft-ai-sdk=={release}\n")
    own_sdk.create_pipeline(
        *(f"{name}-plain", "main.py", "plain"), container_config={"local_folder": str(code)}
    )
    token = own_sdk.create_deployment(f"{name}-plain", f"{name}-plain", "endpoint")[
        "endpoint_token"
    ]
    own_sdk.create_pipeline(
        *(f"{name}-use", "main.py", "use"),
        container_config={"local_folder": str(tmp_path), "requirements_path": "requirements.txt"},
        inputs=[Input(given, "string") for given in ("endpoint", "token", "path")],
        outputs=[Output("found", "json")],
    )
    try:
        inputs = {"endpoint": f"{name}-plain", "token": token, "path": f"{name}/kept"}
        run = own_sdk.run_pipeline(f"{name}-use", inputs=inputs)
        kept, outputs, refused, at_import = run["outputs"]["found"]
        assert (kept, outputs) == ("kept", [])
        assert "may not do this: delete a pipeline" in refused
        assert isinstance(at_import, list)
        (metric,) = own_sdk.get_metrics(execution_id=run["execution_id"])
        assert (metric["name"], metric["value"]) == ("inside", 1.5)
        (metrics,) = own_sdk.get_list_metrics(execution_id=run["execution_id"])
        assert metrics["values"] == [1.0, 2.0]
    finally:
        own_sdk.delete_data_store_object(f"{name}/kept")
        for made in ("use", "plain"):
            own_sdk.delete_pipeline(f"{name}-{made}", force_deployments_deletion=True)


def test_own_client_has_steps_as_the_specification_has_them(
    own_sdk: Any, code: Path, name: str
) -> None:
    config = {"local_folder": str(code)}
    step = own_sdk.create_step(
        *(f"{name}-step", "main.py", "repeat"),
        container_config=config,
        inputs=own_sdk_inputs(),
        outputs=own_sdk_outputs(),
    )
    assert step["creation_info"]["status"] == "ready"
    assert f"{name}-step" in [item["step_name"] for item in own_sdk.list_steps()]
    pipeline = own_sdk.create_pipeline(name, step_name=f"{name}-step")
    assert pipeline["parameters"]["function_name"] == "repeat"
    run = own_sdk.run_pipeline(name, inputs={"word": "ab", "times": 2})
    assert run["outputs"]["text"] == "abab"
    with pytest.raises(Exception, match="give its name and nothing else"):
        own_sdk.create_pipeline(name, "main.py", step_name=f"{name}-step")
    with pytest.raises(Exception, match="Pipelines are made of the step"):
        own_sdk.delete_step(f"{name}-step")
    assert own_sdk.delete_step(f"{name}-step", True) == {"step_name": f"{name}-step"}
    assert name not in [item["pipeline_name"] for item in own_sdk.list_pipelines()]


def test_a_pipeline_without_a_step_is_not_changed_as_one_and_a_step_leaves_nothing(
    server: RunningServer, own_sdk: Any, code: Path, name: str
) -> None:
    config = {"local_folder": str(code)}
    own_sdk.create_pipeline(name, "main.py", "plain", container_config=config)
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as http:
        token = http.post("/auth/refresh", json={"refresh_token": server.token}).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        body = {"function_name": "repeat"}
        answer = http.put(f"/steps/{name}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (409, "InUse")
    assert "made without a step" in answer.json()["message"]
    own_sdk.delete_pipeline(name)
    step = own_sdk.create_step(name, "main.py", "plain", container_config=config)
    known = step["creation_info"]["id"]
    logs = server.data_dir / "logs"
    assert [path for path in files_below(logs) if known in str(path)]
    own_sdk.delete_step(name)
    assert not [path for path in files_below(logs) if known in str(path)]
