"""Folders from real git repositories: by file and by ssh, as they may be and as they may not."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ssh_server import GitServer, key_pair

from headrace.bundles.repositories import GitRepositories
from headrace.core.errors import InvalidRequest, Unavailable
from headrace.core.repositories import HostKeys, Repository

pytestmark = pytest.mark.system


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", "-C", folder, *author, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two branches and a tag, whose main branch is called trunk."""
    folder = tmp_path_factory.mktemp("git") / "project.git"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=trunk")
    for text, branch in (("first", None), ("second", None), ("elsewhere", "side")):
        if branch:
            git(folder, "checkout", "--quiet", "-b", branch)
        (folder / "src").mkdir(exist_ok=True)
        (folder / "src" / "main.py").write_text(f"def say():\n    return {{'said': {text!r}}}\n")
        (folder / "data.txt").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", text)
        if text == "first":
            git(folder, "tag", "-a", "v1", "-m", "the first")
    git(folder, "checkout", "--quiet", "trunk")
    return folder


@pytest.fixture
def repositories(tmp_path: Path) -> GitRepositories:
    place = tmp_path / "up loads"
    place.mkdir()
    return GitRepositories(place, tmp_path / "known hosts", HostKeys.REMEMBER, 30)


def files(
    repositories: GitRepositories, repository: Repository, included: list[str] | None = None
) -> dict[str, str]:
    """Return the text of each file of what is fetched; nothing is left of it afterwards."""
    with (
        repositories.fetch(repository, included or ["/"], "src/main.py") as fetched,
        tarfile.open(fetched.archive) as tar,
    ):
        found = {}
        for member in tar.getmembers():
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                found[member.name] = file.read().decode()
    assert list(repositories.folder.iterdir()) == []
    return found


@pytest.mark.parametrize(
    ("branch", "text"),
    [(None, "second"), ("trunk", "second"), ("side", "elsewhere"), ("v1", "first")],
)
def test_a_branch_or_a_tag_is_taken_without_its_history(
    repositories: GitRepositories, repository: Path, branch: str | None, text: str
) -> None:
    found = files(repositories, Repository(f"file://{repository}", branch))
    assert found["data.txt"] == text
    assert set(found) == {"data.txt", "src/main.py"}


def test_the_commit_is_told(repositories: GitRepositories, repository: Path) -> None:
    with repositories.fetch(Repository(f"file://{repository}", "v1"), None, "src/main.py") as it:
        assert it.commit_id == git(repository, "rev-parse", "v1^{commit}")
        with tarfile.open(it.archive) as tar:
            assert tar.getnames() == ["src/main.py"]


def test_parts_of_it_are_taken(repositories: GitRepositories, repository: Path) -> None:
    assert set(files(repositories, Repository(f"file://{repository}"), ["/src"])) == {"src/main.py"}
    with pytest.raises(InvalidRequest, match="'/gone' is not in the repository"):
        files(repositories, Repository(f"file://{repository}"), ["/gone"])


def test_what_is_not_there_is_said_without_the_password(
    repositories: GitRepositories, repository: Path
) -> None:
    with pytest.raises(InvalidRequest, match=r"could not be read: .*no-such-branch"):
        files(repositories, Repository(f"file://{repository}", "no-such-branch"))
    with pytest.raises(InvalidRequest, match=r"could not be read: ") as caught:
        files(repositories, Repository("https://me:s3cr%2Ft@127.0.0.1:1/x.git"))
    assert "me:***@127.0.0.1:1" in caught.value.message
    assert "s3cr" not in caught.value.message


def test_nothing_that_a_repository_names_is_run(
    repositories: GitRepositories, tmp_path: Path
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    git(hostile, "init", "--quiet")
    (hostile / ".gitattributes").write_text("* filter=evil\n")
    (hostile / "main.py").write_text("1")
    git(hostile, "add", ".")
    git(hostile, "commit", "--quiet", "-m", "x")
    marker = tmp_path / "was run"
    for hook in ("post-checkout", "post-upload-pack", "reference-transaction"):
        path = hostile / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
        path.chmod(0o755)
    git(hostile, "config", "uploadpack.packObjectsHook", f"touch '{marker}';")
    git(hostile, "config", "filter.evil.smudge", f"touch '{marker}'; cat")
    assert files(repositories, Repository(f"file://{hostile}"))["main.py"] == "1"
    assert not marker.exists()


def test_without_git_it_is_said_what_to_install(
    repositories: GitRepositories, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get install git"):
        files(repositories, Repository(f"file://{repository}"))


@pytest.fixture(scope="module")
def ssh(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    with GitServer(tmp_path_factory.mktemp("ssh")) as server:
        yield server


def test_a_deploy_key_opens_a_repository_by_ssh(
    repositories: GitRepositories, repository: Path, ssh: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere/agent")
    windows = ssh.key.replace("\n", "\r\n")
    found = files(repositories, Repository(ssh.url(repository), "side", windows))
    assert found["data.txt"] == "elsewhere"
    assert repositories.known_hosts.read_text().startswith("[127.0.0.1]")
    assert files(repositories, Repository(ssh.url(repository), "v1", ssh.key))


def test_no_key_and_another_key_open_nothing(
    repositories: GitRepositories, repository: Path, ssh: GitServer
) -> None:
    for key in (None, key_pair()[0]):
        with pytest.raises(InvalidRequest, match="Permission denied"):
            files(repositories, Repository(ssh.url(repository), deploy_key=key))


def test_an_ssh_server_with_another_key_than_before_is_refused(
    repositories: GitRepositories, repository: Path, ssh: GitServer
) -> None:
    other = key_pair()[1]
    repositories.known_hosts.write_text(f"[127.0.0.1]:{ssh.port} {other}\n")
    with pytest.raises(InvalidRequest, match="Host key verification failed"):
        files(repositories, Repository(ssh.url(repository), deploy_key=ssh.key))


def test_where_only_known_servers_count_a_new_one_is_refused(
    repositories: GitRepositories, repository: Path, ssh: GitServer
) -> None:
    strict = GitRepositories(
        repositories.folder, repositories.known_hosts, HostKeys.KNOWN, repositories.timeout_s
    )
    wanted = Repository(ssh.url(repository), deploy_key=ssh.key)
    with pytest.raises(InvalidRequest, match="Host key verification failed"):
        files(strict, wanted)
    strict.known_hosts.write_text(f"[127.0.0.1]:{ssh.port} {ssh.host_key}\n")
    assert files(strict, wanted)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, repository: Path) -> None:
    place = tmp_path / "uploads"
    place.mkdir()
    hasty = GitRepositories(place, tmp_path / "known", HostKeys.REMEMBER, 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}{repository}"
        with pytest.raises(InvalidRequest, match=r"within 0\.5 seconds"):
            files(hasty, Repository(url))
    assert list(place.iterdir()) == []
