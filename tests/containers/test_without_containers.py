"""What holds where no container engine works: refusals, and what passes to and from its command.

The substitutes for the command print what podman and docker were seen to print.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.conftest import RunningServer

from headrace.core.calls import Call, Code, InputFile
from headrace.core.errors import InvalidEnvironment
from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.core.values import DataType
from headrace.engines.container import values
from headrace.engines.container.containers import NOTE_OF_LIMITS, Container, Progress
from headrace.engines.container.engine import ContainerEngine, ContainerEngineSettings
from headrace.engines.container.environ import Unpassable, write_variables
from headrace.engines.container.images import ContainerImages
from headrace.engines.container.tool import Tool, ToolFailed, ToolFinder
from headrace.engines.container.values import BadOutput, put_inputs, read_outputs
from headrace.engines.local.metering import Meter

NO_DAEMON = """\
case "$1" in
--version) echo "Docker version 28.2.2, build e6534b4" ;;
*) echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon \
running?" >&2; exit 1 ;;
esac
"""
PODMAN = 'case "$1" in --version) echo "podman version 4.3.1" ;; esac\n'


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a command on a path on which there is nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}")
        path.chmod(0o755)
        return path

    return make


async def why_none(choice: str | None = None) -> str:
    with pytest.raises(ToolFailed) as caught:
        await ToolFinder(choice, Path.cwd(), 2).find()
    return caught.value.message


@pytest.mark.usefixtures("command")
async def test_without_a_command_it_is_said_what_to_install() -> None:
    said = await why_none()
    assert "podman is not installed; docker is not installed." in said
    assert "apt install podman" in said
    assert "HEADRACE_CONTAINER_ENGINE is none" in await why_none("none")


async def test_a_command_that_does_not_work_is_no_engine(
    command: Callable[[str, str], Path],
) -> None:
    command("docker", NO_DAEMON)
    said = await why_none()
    assert "docker does not work (Cannot connect to the Docker daemon" in said
    command("podman", PODMAN)
    assert (await ToolFinder(None, Path.cwd(), 2).find()).is_podman
    # Docker was asked for, whatever else is there.
    assert "podman" not in (await why_none("docker")).partition(". Have")[0]
    assert (await ToolFinder(str(command("podman", PODMAN)), Path.cwd(), 2).find()).is_podman


async def test_what_needs_an_image_says_so(
    command: Callable[[str, str], Path], tmp_path: Path
) -> None:
    command("docker", NO_DAEMON)
    finder = ToolFinder(None, Path.cwd(), 2)
    images = ContainerImages(finder, "test", tmp_path / "images")
    refused = r"^container_config\[dockerfile_path\]: it needs a container engine"
    for asking in (
        images.check(),
        images.is_ready("a"),
        images.ready("a", tmp_path, "Dockerfile", print),
    ):
        with pytest.raises(InvalidEnvironment, match=refused):
            await asking
    assert await images.discard_unused((), unused_for_s=0) == []
    engine = ContainerEngine(ContainerEngineSettings("test"), finder)
    failure = await engine.warm(Code("a", "b", "", "", dockerfile_path="D"), {})
    assert failure is not None
    assert failure.kind is FailureKind.ENVIRONMENT
    outcome = await engine.run(call_in(tmp_path))
    assert outcome == failure.__class__(
        FailureKind.ENVIRONMENT,
        outcome.message,  # type: ignore[union-attr]
    )
    await engine.close()


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue())


def test_a_server_without_an_engine_refuses_and_keeps_nothing(
    own_server: Callable[..., RunningServer],
) -> None:
    running = own_server(HEADRACE_CONTAINER_ENGINE="none")
    name = f"dockerfile-{uuid.uuid4().hex[:8]}"
    form = {"pipeline_name": name, "container_config[dockerfile_path]": "Dockerfile"}
    with httpx.Client(base_url=f"{running.url}/api/v1", timeout=60) as http:
        token = http.post("/auth/refresh", json={"refresh_token": running.token})
        http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

        def refusal(form: dict[str, str], **files: str) -> str:
            answer = http.post(
                "/pipelines", data=form, files={"step_file": ("f", archive(**files))}
            )
            assert answer.status_code == 400, answer.text
            return str(answer.json()["message"])

        assert "container_config[dockerfile_path]: it needs a container engine" in refusal(
            form, Dockerfile="FROM scratch\n"
        )
        missing = refusal(form, **{"main.py": "pass"})
        assert "container_config[dockerfile_path] 'Dockerfile' is not in" in missing
        assert "included_folders" in missing
        function = {"function_path": "main.py", "function_name": "f"}
        assert refusal(form | function, Dockerfile="").startswith(
            "function_path, function_name must"
        )
        assert name not in http.get("/pipelines").text
    assert not (running.data_dir / "images").exists()


def call_in(folder: Path, **outputs: DataType) -> Call:
    source = folder / "source"
    source.write_bytes(b"content")
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    return Call(
        execution_id="e",
        attempt=1,
        code=Code("a", "b", "", "", dockerfile_path="Dockerfile"),
        values={"number": 1, "text": "é"},
        files={"given": InputFile(source, "grüße.txt")},
        outputs=outputs,
        variables={},
        identity={},
        workspace=workspace,
        log=folder / "log",
        absent={"left": None},
    )


def tool_at(path: Path) -> Tool:
    return Tool(str(path), True, path.parent, ThreadPoolExecutor(1))


def test_inputs_travel_as_one_archive(command: Callable[[str, str], Path], tmp_path: Path) -> None:
    taken = tmp_path / "taken.tar"
    path = command("podman", f'[ "$*" = "cp - name:/" ] && cat > {taken}\n')
    put_inputs(tool_at(path), "name", call_in(tmp_path))
    with tarfile.open(taken) as tar:
        members = {each.name: each for each in tar.getmembers()}
        assert stat.S_IMODE(members["headrace"].mode) == 0o1777
        text = tar.extractfile("headrace/inputs.json")
        file = tar.extractfile("headrace/inputs/given/grüße.txt")
        assert text is not None
        assert file is not None
        assert file.read() == b"content"
        assert b'"left": null' in (content := text.read())
        assert '"path": "/headrace/inputs/given/grüße.txt"'.encode() in content
    refusing = command("podman", "echo 'Error: no such container' >&2; exit 125\n")
    with pytest.raises(ToolFailed, match=r"^no such container$"):
        put_inputs(tool_at(refusing), "name", call_in(tmp_path))


def test_a_copy_that_hangs_is_given_up(
    command: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tool_at(command("podman", "exec sleep 600\n"))
    monkeypatch.setattr(values, "COPY_S", 0.2)
    call = call_in(tmp_path, number=DataType.NUMBER)
    with pytest.raises(ToolFailed, match=r"did not end within 0\.2 s"):
        put_inputs(hanging, "name", call)
    with pytest.raises(ToolFailed, match=r"did not end within 0\.2 s"):
        read_outputs(hanging, "name", call, "/", 1000)


def packed(path: Path, **members: bytes | str) -> Path:
    """A tar file as ``cp name:path -`` gives it; a text is the target of a link."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ({"outputs.json": b"[]"}, "must be a JSON object"),
        ({"outputs.json": b"{"}, "is not JSON"),
        ({"outputs.json": b"[" * 100_000}, "is not JSON"),
        ({"outputs.json": b"\xff"}, "is not JSON"),
        ({"outputs.json": b" " * 200_000}, "HEADRACE_MAX_OUTPUT_BYTES"),
        ({"outputs.json": "/etc/passwd"}, "outputs.json is no file"),
        ({"outputs.json": b'{"number": true}'}, "output 'number'"),
        ({"outputs.json": b'{"other": 1}'}, "output 'number' is missing"),
        ({}, "ended without /headrace/outputs.json"),
    ],
)
def test_outputs_are_trusted_with_nothing(
    command: Callable[[str, str], Path], tmp_path: Path, left: dict[str, bytes | str], why: str
) -> None:
    tar = packed(tmp_path / "left.tar", **left)
    path = command("podman", f"cat {tar}\n")
    call = call_in(tmp_path, number=DataType.NUMBER)
    with pytest.raises(BadOutput, match=why):
        read_outputs(tool_at(path), "name", call, "/", 150_000)


def test_a_file_of_an_output_is_kept_under_its_own_name_in_the_workspace(
    command: Callable[[str, str], Path], tmp_path: Path
) -> None:
    outputs = packed(tmp_path / "o.tar", **{"outputs.json": b'{"file": {"path": "../a/b.txt"}}'})
    file = packed(tmp_path / "f.tar", **{"../../../escaped": b"content"})
    path = command(
        "podman",
        f'case "$2" in *outputs.json) cat {outputs} ;; "name:/w/../a/b.txt") cat {file} ;; esac\n',
    )
    call = call_in(tmp_path, file=DataType.FILE)
    found, files = read_outputs(tool_at(path), "name", call, "/w", 1000)
    assert found == {}
    assert files["file"].path == call.workspace / "outputs/file/b.txt"
    assert files["file"].path.read_bytes() == b"content"
    assert not list(tmp_path.rglob("escaped"))


def test_variables_are_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "variables"
    several = write_variables(path, {"A": " x #y ", "B": "", "PEM": "a\nb", "C": "=\\n"})
    assert several == {"PEM": "a\nb"}
    assert path.read_text() == "A= x #y \nB=\nC==\\n\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "PATH",
        "HOME",
        "DOCKER_HOST",
        "CONTAINERS_CONF",
        "XDG_RUNTIME_DIR",
        "GODEBUG",
        "https_proxy",
        "BUILDKIT_PROGRESS",
        "TMPDIR",
        "SSL_CERT_FILE",
    ],
)
def test_a_variable_of_several_lines_never_reaches_the_tool_itself(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(Unpassable, match=name):
        write_variables(tmp_path / "variables", {name: "a\nb"})
    assert write_variables(tmp_path / "variables", {name: "a"}) == {}


async def test_a_command_that_cannot_be_run_fails_the_call_in_words(
    command: Callable[[str, str], Path], tmp_path: Path
) -> None:
    path = command("podman", PODMAN)
    tool = tool_at(path)
    container = Container(tool, "name", "image", ())
    call = replace(call_in(tmp_path), variables={"LONG": "line\n" * 100_000})
    outcome = await container.run(call, Progress(), Meter(), 10_000)
    assert isinstance(outcome, Failure)
    assert "Argument list too long" in outcome.message
    engine = ContainerEngine(ContainerEngineSettings("test"), ToolFinder(None, tmp_path, 2))
    assert await engine.warm(call.code, {}) is None
    path.unlink()
    gone = await engine.warm(call.code, {})
    assert gone is not None
    assert "podman cannot be run: No such file" in gone.message
    outcome = await engine.run(call_in(tmp_path))
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.ENVIRONMENT
    await engine.close()


async def test_a_limit_that_does_not_hold_is_said_in_the_log(
    command: Callable[[str, str], Path], tmp_path: Path
) -> None:
    warnings = (
        "Resource limits are not supported and ignored on cgroups V1 rootless systems",
        'time="…" level=warning msg="\\"/\\" is not a shared mount"',
    )
    path = command("podman", "".join(f"echo '{line}' >&2\n" for line in warnings))
    call = call_in(tmp_path)
    container = Container(tool_at(path), "name", "image", ())
    # There is no container, so it goes no further than its making.
    outcome = await container.run(call, Progress(), Meter(), 10_000)
    assert not isinstance(outcome, Returned)
    said = [line for line in call.log.read_text().splitlines() if " h " in line]
    assert [line.partition(" h ")[2] for line in said] == [f"{NOTE_OF_LIMITS}{warnings[0]}"]
