"""The file for compose: compose reads it, the server takes its settings, its secrets are made.

No registry of images is reachable, so nothing is started from images.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.buckets import CREDENTIALS, bucket_server
from tests.conftest import clean_environ

from headrace.server.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).parent / "docker-compose"

needs_compose = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="compose is only had for Linux on x86-64 from PyPI",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder with the file, without secrets."""
    copy = tmp_path / "deploy"
    copy.mkdir()
    for name in ("compose.yaml", "secrets.sh"):
        shutil.copy(CHECKOUT / "deploy" / name, copy)
    return copy


def make_secrets(folder: Path) -> str:
    return subprocess.run(
        ["sh", folder / "secrets.sh"], capture_output=True, text=True, check=True
    ).stdout


def read_by_compose(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMPOSE, "--file", folder / "compose.yaml", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def services(folder: Path) -> dict[str, Any]:
    """The services as compose understands them."""
    make_secrets(folder)
    done = read_by_compose(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_secrets_are_made_once_and_for_their_owner(folder: Path, tmp_path: Path) -> None:
    make_secrets(folder)
    file = folder / ".env"
    first = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.split("=") for line in first.splitlines())
    assert set(values) == {"POSTGRES_PASSWORD", "S3_SECRET_KEY"}
    assert len(set(values.values())) == 2
    # They stand in URLs as they are.
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in values.values())
    assert "stays" in make_secrets(folder)
    assert file.read_text() == first
    assert [path.name for path in folder.glob(".env*")] == [".env"]
    other = tmp_path / "other"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns(".env"))
    make_secrets(other)
    assert (other / ".env").read_text() != first
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert "deploy/.env*" in ignored


@needs_compose
def test_without_secrets_it_says_how_they_are_made(folder: Path) -> None:
    done = read_by_compose(folder)
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD is missing a value: is made by deploy/secrets.sh" in done.stderr


@needs_compose
def test_the_server_can_use_its_settings(services: dict[str, Any]) -> None:
    server = services["server"]
    settings = Settings.read(server["environment"], {})
    assert settings.public_url == "http://127.0.0.1:8471"
    database = urlsplit(server["environment"]["HEADRACE_DATABASE"])
    postgres = services["postgres"]["environment"]
    assert (database.username, database.password, database.path) == (
        postgres["POSTGRES_USER"],
        postgres["POSTGRES_PASSWORD"],
        f"/{postgres['POSTGRES_DB']}",
    )
    assert database.hostname == "postgres"
    assert settings.objects is not None
    assert settings.objects.endpoint == "http://s3:7070"
    assert not settings.objects.has_links
    s3 = services["s3"]["environment"]
    assert s3["VGW_PORT"] == ":7070"
    for service in ("server", "bucket"):
        given = services[service]["environment"]
        assert given["AWS_ACCESS_KEY_ID"] == s3["ROOT_ACCESS_KEY"]
        assert given["AWS_SECRET_ACCESS_KEY"] == s3["ROOT_SECRET_KEY"]


@needs_compose
def test_only_the_server_is_reached_and_from_this_machine_alone(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["server"]
    (port,) = services["server"]["ports"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", Settings().port)


@needs_compose
def test_it_fits_the_image_and_the_server(services: dict[str, Any]) -> None:
    image = (CHECKOUT / "Containerfile").read_text()
    server = services["server"]
    volume = re.findall(r"(?m)^VOLUME (\S+)$", image)[-1]
    assert [each["target"] for each in server["volumes"]] == [volume]
    minutes, seconds = re.findall(r"\d+", server["stop_grace_period"])
    assert int(minutes) * 60 + int(seconds) > Settings().longest_end_s
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert services["bucket"]["image"] == server["image"]
    installed = re.findall(r"\.whl\)\[([a-z0-9,]+)\]", image)[0].split(",")
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert {"postgres", "s3"} <= set(installed) <= set(extras["optional-dependencies"])


@needs_compose
def test_each_waits_for_what_says_that_it_is_ready(services: dict[str, Any]) -> None:
    waited = {
        (name, other): given["condition"]
        for name, service in services.items()
        for other, given in service.get("depends_on", {}).items()
    }
    assert waited == {
        ("server", "postgres"): "service_healthy",
        ("server", "bucket"): "service_completed_successfully",
        ("bucket", "s3"): "service_healthy",
    }
    assert all("healthcheck" in services[name] for name in ("postgres", "s3"))


@needs_compose
def test_a_file_of_more_settings_is_read_if_it_is_there(folder: Path) -> None:
    make_secrets(folder)
    (folder / "headrace.env").write_text("HEADRACE_MAX_EXECUTIONS=3\n")
    done = read_by_compose(folder, PUBLIC_URL="https://headrace.example.com")
    environ = json.loads(done.stdout)["services"]["server"]["environment"]
    settings = Settings.read(environ, {})
    assert settings.max_executions == 3
    assert settings.public_url == "https://headrace.example.com"


@pytest.fixture(scope="module")
def buckets() -> Iterator[str]:
    with bucket_server() as url:
        yield url


@needs_compose
def test_the_bucket_is_made_once(services: dict[str, Any], buckets: str) -> None:
    bucket = services["bucket"]
    python, option = bucket["entrypoint"]
    assert (python, option) == ("/opt/headrace/bin/python", "-c")
    environ = {**clean_environ(), **bucket["environment"], **CREDENTIALS}
    for _ in range(2):
        subprocess.run(
            [sys.executable, option, *bucket["command"]],
            env={**environ, "AWS_ENDPOINT_URL": buckets},
            timeout=100,
            check=True,
        )
    listed = httpx.get(buckets).text
    assert re.findall("<Name>(.*?)</Name>", listed) == ["headrace"]
