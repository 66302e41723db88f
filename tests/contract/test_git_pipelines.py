"""Pipelines from real git repositories, made by the public client."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, Output
from tests.conftest import RunningServer, contents_below
from tests.ssh_server import GitServer

pytestmark = pytest.mark.system

CODE = "from part import added\n\n\ndef add(a):\n    return {'sum': added(a)}\n"


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("git") / "project.git"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "src" / "main.py").write_text(CODE)
    for branch, number in (("main", 1), ("hundred", 100)):
        git(folder, "checkout", "--quiet", "-B", branch)
        (folder / "src" / "part.py").write_text(f"def added(a):\n    return a + {number}\n")
        (folder / "data.bin").write_bytes(bytes(number))
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", branch)
    git(folder, "checkout", "--quiet", "main")
    return folder


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    with GitServer(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def name(public_sdk: Any) -> Iterator[str]:
    name = f"git-{uuid.uuid4().hex[:8]}"
    yield name
    if any(item["pipeline_name"] == name for item in public_sdk.list_pipelines()):
        public_sdk.delete_pipeline(name)


def create(sdk: Any, name: str, **config: Any) -> Any:
    return sdk.create_pipeline(
        pipeline_name=name,
        function_path="src/main.py",
        function_name="add",
        container_config=config,
        inputs=[Input("a", "number")],
        outputs=[Output("sum", "number")],
    )


def files_with(key: str, folder: Path) -> list[Path]:
    """Return the files below a folder that hold a key."""
    secret = key.splitlines()[2].encode()
    return [path for path, content in contents_below(folder).items() if secret in content]


def test_a_branch_is_run_and_its_commit_is_on_record(
    public_sdk: Any, repository: Path, name: str
) -> None:
    url = f"file://{repository}"
    pipeline = create(
        public_sdk, name, repository_url=url, repository_branch="hundred", included_folders=["src"]
    )
    info, config = pipeline["creation_info"], pipeline["parameters"]["container_config"]
    assert info["commit_id"] == git(repository, "rev-parse", "hundred")
    assert info["origin"] == "git_repository"
    assert (config["repository_url"], config["repository_branch"]) == (url, "hundred")
    run = public_sdk.run_pipeline(name, inputs={"a": 1})
    assert run["outputs"]["sum"] == 101
    (step,) = public_sdk.get_pipeline_execution(run["execution_id"])["steps"]
    assert step["commit_id"] == info["commit_id"]


def test_a_deploy_key_opens_an_ssh_repository_and_is_never_returned(
    server: RunningServer, public_sdk: Any, repository: Path, ssh: GitServer, name: str
) -> None:
    url = ssh.url(repository)
    pipeline = create(public_sdk, name, repository_url=url, repository_deploy_key=ssh.key)
    assert public_sdk.run_pipeline(name, inputs={"a": 1})["outputs"]["sum"] == 2
    assert ssh.key.splitlines()[2] not in str(pipeline)
    assert not files_with(ssh.key, server.data_dir)


def test_the_project_names_the_repository_of_pipelines_without_code(
    server: RunningServer,
    public_sdk: Any,
    own_sdk: Any,
    repository: Path,
    ssh: GitServer,
    name: str,
) -> None:
    own_sdk.update_project_information(
        repository_url=ssh.url(repository),
        repository_branch="hundred",
        repository_deploy_key=ssh.key,
    )
    try:
        assert ssh.key not in str(own_sdk.get_project_information())
        create(public_sdk, name)
        assert public_sdk.run_pipeline(name, inputs={"a": 1})["outputs"]["sum"] == 101
        assert not files_with(ssh.key, server.data_dir)
    finally:
        names = ("repository_url", "repository_branch", "repository_deploy_key")
        own_sdk.update_project_information(**dict.fromkeys(names))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"repository_url": "ext::sh -c true"}, "repository_url is not the URL"),
        ({"repository_url": "/srv/x.git"}, "repository_url must begin with https://"),
        ({"repository_url": "https://h/x.git", "repository_branch": "-x"}, "repository_branch"),
        ({"repository_url": "https://h/x.git", "repository_deploy_key": "x"}, "private ssh key"),
        ({"repository_url": "file:///no/such/place"}, "could not be read"),
        ({}, "give container_config a local_folder.*or a repository_url"),
    ],
)
def test_what_cannot_be_had_is_said_and_nothing_is_made(
    public_sdk: Any, name: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(SdkException, match=said):
        create(public_sdk, name, **config)
    assert name not in str(public_sdk.list_pipelines())


def test_what_a_repository_leaves_behind_is_said_in_the_log(
    public_sdk: Any, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "src" / "main.py").write_text("def add(a):\n    return {'sum': a}\n")
    (folder / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ../x\n')
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    (folder / "model.bin").write_text(pointer)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    create(public_sdk, name, repository_url=f"file://{folder}")
    log = " ".join(line["message"] for line in public_sdk.get_pipeline_logs(name))
    assert "submodules, whose folders are empty" in log
    assert "model.bin and the like are kept by Git LFS" in log
