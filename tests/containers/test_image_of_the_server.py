"""The image of the server: its Containerfile fits the server, and a container like it serves.

No registry of images is reachable, so the base is the machine's own files, mounted. All else that
makes a container what it is (user, volume, variables, health check) is read from the Containerfile.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

import httpx
import pytest
from tests.conftest import RunningServer, clean_environ, wait_until
from tests.containers.conftest import Place

from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings
from headrace.wire.routes import HEALTH

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = Path(sys.prefix)
PROGRAM = "/opt/headrace/bin/headrace"
MADE_OUTSIDE = {"ARG", "FROM", "RUN", "COPY"}
"""Instructions that need a registry of images or of packages."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Containerfile, on one line."""

    name: str
    text: str


@pytest.fixture(scope="module")
def stages() -> list[list[Instruction]]:
    """The instructions of each stage."""
    text = re.sub(r"(?m)^#.*\n", "", (CHECKOUT / "Containerfile").read_text())
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    found: list[list[Instruction]] = [[]]
    for line in lines:
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, rest))
    return found


def given(stage: list[Instruction], name: str) -> str:
    (text,) = [each.text for each in stage if each.name == name]
    return text


@pytest.fixture(scope="module")
def variables(stages: list[list[Instruction]]) -> dict[str, str]:
    """The variables that the image sets."""
    pairs = shlex.split(given(stages[-1], "ENV"))
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def test_it_sets_settings_that_exist(variables: dict[str, str]) -> None:
    known = {variable_of(each.name) for each in fields(Settings)}
    named = {name for name in variables if name.startswith("HEADRACE_")}
    assert named <= known
    read = Settings.read(variables, {})
    assert (read.host, read.port) == ("0.0.0.0", Settings().port)  # noqa: S104 - compared, not bound


def test_its_port_and_volume_are_those_of_the_settings(
    stages: list[list[Instruction]], variables: dict[str, str]
) -> None:
    volume = PurePosixPath(given(stages[-1], "VOLUME"))
    assert given(stages[-1], "EXPOSE") == variables["HEADRACE_PORT"]
    assert volume in PurePosixPath(variables["HEADRACE_DATA_DIR"]).parents
    assert volume == PurePosixPath(variables["HOME"])


def test_its_user_is_not_root_and_has_a_number(stages: list[list[Instruction]]) -> None:
    # A cluster that asks for users other than root can only judge a number.
    user, _, group = given(stages[-1], "USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_nothing_secret_and_nothing_else_of_the_checkout_goes_in(
    stages: list[list[Instruction]],
) -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert [line for line in ignored if line and line[0] != "#"] == [
        "*",
        "!dist/headrace-*.whl",
        "!requirements.lock",
    ]
    told = [each.text for stage in stages for each in stage if each.name in {"ARG", "ENV"}]
    assert not re.search(r"(?i)token|secret|password|credential|_key", " ".join(told))


def test_it_installs_extras_that_exist(stages: list[list[Instruction]]) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = re.search(r"\.whl\)\[([a-z0-9,]+)\]", " ".join(each.text for each in stages[1]))
    assert extras
    assert {"server", "s3"} <= set(extras[1].split(",")) <= set(project["optional-dependencies"])


def test_its_health_check_tells_a_server_that_answers_from_none(
    stages: list[list[Instruction]], server: RunningServer
) -> None:
    command = given(stages[-1], "HEALTHCHECK").partition("CMD ")[2]
    assert HEALTH.url() in command
    program = command.replace("/opt/headrace/bin/python", shlex.quote(sys.executable))

    def code(port: str) -> int:
        environ = {**clean_environ(), "HEADRACE_PORT": port}
        # A proxy of the machine is not asked about this machine.
        environ = {name: text for name, text in environ.items() if "proxy" not in name.lower()}
        return subprocess.run(
            ["/bin/sh", "-c", program], env=environ, capture_output=True, check=False
        ).returncode

    assert code(server.url.rpartition(":")[2]) == 0
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert code(str(bound.getsockname()[1])) != 0


class Container:
    """A container of the image, with its root read-only, no capabilities and a volume."""

    def __init__(self, place: Place, image: str) -> None:
        self.place = place
        self.name = f"headrace-test-{uuid.uuid4().hex[:12]}"
        self.image = image
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.place.ask("run", "--detach", f"--name={self.name}", *self.options(), "serve")
        wait_until(self.answers, timeout_s=60, what="the server in the container answers")

    def check(self, *options: str) -> str:
        """Run ``headrace check`` in a container with other options; return what it says."""
        done = subprocess.run(
            [self.place.program, "run", "--rm", *self.options(*options), "check"],
            env={**os.environ, **self.place.environ},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())

    def options(self, *more: str) -> list[str]:
        mounts = {Path("/usr"): "/usr", VENV: "/opt/headrace", CHECKOUT: str(CHECKOUT)}
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            mounts[Path(sys.base_prefix)] = sys.base_prefix
        return [
            "--network=host",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            *(more or ("--tmpfs=/tmp", f"--volume={self.name}:/var/lib/headrace")),
            *(f"--volume={source}:{target}:ro" for source, target in mounts.items()),
            f"--env=HEADRACE_PORT={self.port}",
            "--env=HEADRACE_HOST=127.0.0.1",
            # The machine need not have tini.
            f"--entrypoint={PROGRAM}",
            self.image,
        ]

    def answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(self.url + HEALTH.url(), timeout=5).status_code == 200
        return False

    def run(self, *command: str) -> str:
        return self.place.ask("exec", self.name, *command)

    def remove(self) -> None:
        with suppress(RuntimeError):
            self.place.ask("rm", "--force", self.name)
        with suppress(RuntimeError):
            self.place.ask("volume", "rm", "--force", self.name)


@pytest.fixture(scope="module")
def image(
    place: Place, stages: list[list[Instruction]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An image by the Containerfile's own words, for the files of this machine."""
    if not Path("/bin").is_symlink():
        pytest.skip("the machine's programs are not below /usr alone")
    folder = tmp_path_factory.mktemp("image")
    name = f"localhost/headrace-tests:{uuid.uuid4().hex}"
    place.ask("import", str(skeleton(folder)), f"{name}-base")
    said = [f"{each.name} {each.text}" for each in stages[-1] if each.name not in MADE_OUTSIDE]
    (folder / "Containerfile").write_text("\n".join([f"FROM {name}-base", *said]))
    is_podman = Path(place.program).name == "podman"
    place.ask(
        "build",
        *(["--format=docker"] if is_podman else []),
        f"--tag={name}",
        f"--file={folder / 'Containerfile'}",
        str(folder),
    )
    yield name
    for each in (name, f"{name}-base"):
        with suppress(RuntimeError):
            place.ask("rmi", "--force", each)


@pytest.fixture
def container(place: Place, image: str) -> Iterator[Container]:
    """A container of that image, which is removed in the end."""
    made = Container(place, image)
    yield made
    made.remove()


def skeleton(folder: Path) -> Path:
    """Return a tar file of a root without programs, with the folder of the volume."""
    root = folder / "root"
    for name in ("etc", "proc", "sys", "dev", "run", "tmp", "usr", "opt/headrace"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    archive = folder / "root.tar"
    subprocess.run(["tar", "-C", root, "--owner=0", "--group=0", "-cf", archive, "."], check=True)
    home = root / "var/lib/headrace"
    home.mkdir(parents=True)
    home.chmod(0o700)
    owner = ["--owner=10001", "--group=10001", "-rf", str(archive), "./var/lib/headrace"]
    subprocess.run(["tar", "-C", root, *owner], check=True)
    return archive


def test_a_check_in_it_says_what_is_missing(container: Container) -> None:
    volume = f"--volume={container.name}:/var/lib/headrace"
    assert "/var/lib/headrace cannot be used: read-only file system." in container.check(
        f"{volume}:ro"
    )
    other = container.check(volume, "--user=23456:23456")
    assert "/var/lib/headrace belongs to user 10001, and this is user 23456" in other
    in_memory = container.check("--tmpfs=/tmp", "--env=HEADRACE_DATA_DIR=/tmp/data")
    assert "data is in memory, and gone after a stop: mount a volume there" in in_memory


def test_a_container_by_it_serves_an_endpoint(container: Container, tmp_path: Path) -> None:
    container.start()
    container.run(PROGRAM, "check")
    token = container.run(PROGRAM, "tokens", "create", "--name", "ada").split()[0]
    code = tmp_path / "project" / "greeting.py"
    code.parent.mkdir()
    code.write_text("import os\n\ndef greet():\n    return {'user': os.getuid()}\n")
    done = subprocess.run(
        [VENV / "bin/headrace", "--json", "deploy", f"{code.name}:greet", "--endpoint", "greet"],
        cwd=code.parent,
        env={
            **clean_environ(),
            "HEADRACE_ENVIRONMENT_URL": container.url,
            "HEADRACE_SDK_TOKEN": token,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (endpoint,) = json.loads(done.stdout)["deployments"]
    answer = httpx.post(
        f"{container.url}/endpoints/greet",
        headers={"Authorization": f"EndpointToken {endpoint['endpoint_token']}"},
        json={},
        timeout=60,
    )
    assert answer.json()["outputs"] == {"user": 10001}, answer.text
    if Path(container.place.program).name == "podman":
        container.place.ask("healthcheck", "run", container.name)
    container.place.ask("stop", "--time=60", container.name)
    code_of_end = container.place.ask(
        "inspect", "--format={{.State.ExitCode}}", container.name
    ).strip()
    assert code_of_end == "0"
