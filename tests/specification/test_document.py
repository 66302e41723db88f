"""Every code block of the specification's finished sections, executed as it is written.

The document stands beside the project, not in it; ``HEADRACE_SPECIFICATION`` says where else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.overdue import early_in_a_minute, make_overdue

import headrace

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = Path(
    os.environ.get("HEADRACE_SPECIFICATION", ROOT.parent / "shared" / "spec" / "run-and-serve.md")
)
NODE = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(
    not DOCUMENT.exists(), reason=f"the specification is not at {DOCUMENT}"
)

SOURCE = """\
def nothing():
    print("ran")


def add(number1, number2):
    return {"number3": (number1 or 0) + (number2 or 0)}
"""

# What the document's blocks need to be Python at all; nothing else of them is changed.
MISPRINTS = [
    (
        re.compile(r'(endpoint_token=endpoint_info\["endpoint_token"\])( #[^\n]*)\n(\s*inputs=)'),
        r"\1,\2\n\3",
    ),
    (re.compile(r"print \(outputs_values\["), "print (output_values["),
]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without indentation, and where it stands."""

    language: str
    text: str
    section: str


def blocks() -> list[Block]:
    """Return the blocks of code, in order, without those that show output or layout."""
    found: list[Block] = []
    section = ""
    fence: list[str] | None = None
    language = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        stripped = line.strip()
        if fence is None and line.startswith("#"):
            section = stripped.lstrip("# ")
        if fence is None and stripped.startswith("```"):
            language, fence = stripped[3:], []
        elif fence is not None and stripped == "```":
            text = textwrap.dedent("\n".join(fence).expandtabs(4))
            if language in {"python", "bash", "javascript"} and not text.startswith(">>"):
                found.append(Block(language, text, section))
            fence = None
        elif fence is not None:
            fence.append(line)
    return found


class Walk:
    """The document's reader: one namespace, one deployment, one pipeline at a time."""

    def __init__(self, server: Any, sdk: Any, module: Any, folder: Path) -> None:
        self.server = server
        self.sdk = sdk
        self.suffix = uuid.uuid4().hex[:8]
        self.is_public_client = module is not headrace
        self.deployment = f"deployment-{self.suffix}"
        self.pipelines: dict[str, str] = {}
        self.pipeline = ""
        self.names: dict[str, Any] = {
            "sdk": sdk,
            "InputSource": module.InputSource,
            "OutputDestination": module.OutputDestination,
        }
        (folder / "f.py").write_text(SOURCE)
        numbers = [module.Input("number1", "number"), module.Input("number2", "number")]
        for function, inputs, outputs in (
            ("nothing", [], []),
            ("add", numbers, [module.Output("number3", "number")]),
        ):
            name = f"{function}-{self.suffix}"
            sdk.create_pipeline(
                pipeline_name=name,
                function_path="f.py",
                function_name=function,
                container_config={"local_folder": str(folder)},
                inputs=inputs,
                outputs=outputs,
            )
            self.pipelines[function] = name

    def fill(self, text: str) -> str:
        """Put names for placeholders, and mend misprints."""
        token = self.names.get("endpoint_info", {}).get("endpoint_token", "")
        for placeholder, value in (
            ("your-pipeline-name", self.pipelines[self.pipeline]),
            ("your-deployment-name", self.deployment),
            ("<YOUR-DEPLOYMENT-NAME>", self.deployment),
            ("<DEPLOYMENT_NAME>", self.deployment),
            ("<ENDPOINT_TOKEN>", token),
            ("<CRAFT_AI_ENVIRONMENT_URL>", self.server.url),
        ):
            text = text.replace(placeholder, value)
        for misprint, mended in MISPRINTS:
            text = misprint.sub(mended, text)
        if self.is_public_client:
            # Its current version knows the names of the present era alone.
            text = re.sub(r"\bstep_(input|output)_name\b", r"pipeline_\1_name", text)
        return text

    def python(self, block: Block) -> Any:
        """Execute a block, and return the value of its last expression or assignment."""
        if "create_deployment(" in block.text:
            self.forget_deployment()
        lines = self.fill(block.text)
        exec(compile(lines, block.section, "exec"), self.names)  # noqa: S102 - this is the test
        return self.names

    def trigger(self, block: Block) -> Any:
        """Execute a block whose last statement calls the endpoint; return what that returned."""
        source = re.sub(
            r"^(?:endpointOutput = )?sdk\.trigger_endpoint\(",
            "result = endpointOutput = sdk.trigger_endpoint(",
            self.fill(block.text),
            flags=re.MULTILINE,
        )
        exec(compile(source, block.section, "exec"), self.names)  # noqa: S102 - this is the test
        return self.names["result"]["outputs"]

    def curl(self, block: Block) -> Any:
        """Run a curl line as a shell would, and return the outputs of its answer."""
        done = subprocess.run(
            ["bash", "-c", self.fill(block.text).strip() + " --silent --show-error"],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)["outputs"]

    def node(self, block: Block, folder: Path) -> Any:
        """Run a JavaScript block with node and axios, and return the outputs of its answer."""
        done = subprocess.run(
            [NODE / "node", "--input-type=commonjs", "--eval", self.javascript(block)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Response:" in done.stdout, done.stderr
        return json.loads(done.stdout.split("Response:", 1)[1])["outputs"]

    def javascript(self, block: Block) -> str:
        # The block prints an object for people; JSON is what can be compared.
        return self.fill(block.text).replace(
            "console.log('Response:', response.data)",
            "console.log('Response:', JSON.stringify(response.data))",
        )

    def forget_deployment(self) -> None:
        if any(item["name"] == self.deployment for item in self.sdk.list_deployments()):
            self.sdk.delete_deployment(self.deployment)


@pytest.fixture(scope="session")
def axios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds axios, installed once for all test runs."""
    folder = ROOT / ".cache" / "axios"
    if not (folder / "node_modules" / "axios" / "package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "dependencies": {"axios": "^1"}}')
        environ = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(
            [NODE / "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            env=environ,
            check=True,
            capture_output=True,
        )
    return folder


def fired(server: Any, sdk: headrace.HeadraceSdk, walk: Walk) -> list[dict[str, Any]]:
    """Have the present minute be due, and return the row of its fire time."""
    fates = make_overdue(server, sdk, walk.deployment, walk.pipelines["nothing"], 1)
    assert fates == ["ran"]
    # No other fire time, in case that the next minute begins meanwhile.
    sdk.update_deployment(walk.deployment, is_enabled=False)
    return sdk.get_ledger(walk.deployment, fate="ran")[-1:]


@pytest.mark.parametrize("client", ["headrace", "craft_ai_sdk"])
def test_every_block_works_as_written(
    client: str, server: Any, tmp_path: Path, axios: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks in their order, each with what the text around it promises."""
    if client == "headrace":
        module: Any = headrace
        sdk = headrace.HeadraceSdk(sdk_token=server.token, environment_url=server.url)
    else:
        import craft_ai_sdk
        from craft_ai_sdk import io as module_io

        module = module_io
        sdk = craft_ai_sdk.CraftAiSdk(
            sdk_token=server.token, environment_url=server.url, control_url=server.url
        )
    walk = Walk(server, sdk, module, tmp_path)
    found = iter(blocks())

    def take(language: str, *words: str) -> Block:
        block = next(found)
        assert block.language == language, block
        assert all(word in block.text for word in words), block
        return block

    walk.pipeline = "nothing"
    walk.python(take("python", "run_pipeline", "your-pipeline-name"))

    walk.pipeline = "add"
    walk.python(take("python", "inputs_values", "run_pipeline", "print"))
    assert walk.names["output_values"]["outputs"] == {"number3": 15}
    assert capsys.readouterr().out.strip().endswith("{'number3': 15}")

    walk.pipeline = "nothing"
    creation = take("python", 'execution_rule="endpoint"')
    walk.python(creation)
    assert walk.names["endpoint_info"]["endpoint_token"]
    if client == "headrace":
        url = walk.names["endpoint_info"]["endpoint_url"]
        assert url == f"{server.url}/endpoints/{walk.deployment}"
    assert walk.trigger(take("python", "trigger_endpoint")) == {}
    assert walk.curl(take("bash", "curl -X POST")) == {}
    assert walk.node(take("javascript", "axios.post(url, null"), axios) == {}

    walk.pipeline = "add"
    walk.python(creation)
    assert walk.trigger(take("python", "trigger_endpoint", "inputs=inputs_values")) == {
        "number3": 15
    }
    assert walk.curl(take("bash", "-d '{")) == {"number3": 15}
    assert walk.node(take("javascript", "requestData"), axios) == {"number3": 15}

    # Every input and output has to be mapped, so this is about the one that has none.
    walk.pipeline = "nothing"
    early_in_a_minute()
    walk.python(take("python", 'execution_rule="periodic"', 'schedule="* * * * *"'))
    deployment = walk.names["deployment_info"]
    assert (deployment["execution_rule"], deployment["status"]) == ("periodic", "up")
    assert deployment["human_readable_schedule"] == "Every minute"
    own_sdk = headrace.HeadraceSdk(sdk_token=server.token, environment_url=server.url)
    (row,) = fired(server, own_sdk, walk)
    own_sdk.retrieve_pipeline_execution_outputs(row["execution_id"])
    assert sdk.get_deployment(walk.deployment)["last_execution_id"] == row["execution_id"]
    own_sdk.close()

    walk.pipeline = "add"
    walk.python(take("python", "constant_value=6", "constant_value=3"))
    assert sdk.trigger_endpoint(
        endpoint_name=walk.deployment,
        endpoint_token=walk.names["endpoint_info"]["endpoint_token"],
    )["outputs"] == {"number3": 9}

    walk.python(take("python", 'endpoint_input_name="number_a"', 'endpoint_output_name="result"'))
    assert walk.trigger(take("python", '"number_a": 9', 'endpointOutput["outputs"]["result"]')) == {
        "result": 15
    }
    assert capsys.readouterr().out.strip().endswith("15")

    walk.python(take("python", "create_or_update_environment_variable"))
    walk.python(take("python", 'environment_variable_name="RECETTE_VAR_ENV_INPUT1"'))
    block = take("python", "inputs_value = {", "trigger_endpoint")
    assert walk.trigger(block) == {"number3": 10}
    sdk.create_or_update_environment_variable(
        environment_variable_name="RECETTE_VAR_ENV_INPUT1", environment_variable_value=60
    )
    assert walk.trigger(block) == {"number3": 64}

    walk.python(take("python", "is_null=True"))
    assert walk.trigger(take("python", "trigger_endpoint")) == {}
    assert list(found) == []
