"""The unit of systemd that ships: systemd understands it, and it fits the server."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from tests.conftest import HEADRACE

from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "headrace.service"
PROGRAM = "/opt/headrace/bin/headrace"


@pytest.fixture(scope="module")
def service() -> list[tuple[str, str]]:
    """Keys and values of the section of the service, in order; a key may come several times."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(UNIT.read_text())
    assert parser.sections() == ["Unit", "Service", "Install"]
    lines = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines()
    return [
        (line.partition("=")[0], line.partition("=")[2])
        for line in lines
        if line and not line.startswith("#")
    ]


def test_a_stop_gets_more_time_than_the_server_may_take(service: list[tuple[str, str]]) -> None:
    assert int(dict(service)["TimeoutStopSec"]) > Settings().longest_end_s


def test_it_names_settings_that_exist(service: list[tuple[str, str]]) -> None:
    known = {variable_of(setting.name) for setting in fields(Settings)}
    named = {value.partition("=")[0] for key, value in service if key == "Environment"}
    assert named - {"HOME"} == {"HEADRACE_DATA_DIR"} <= known


def test_it_runs_commands_that_exist(service: list[tuple[str, str]]) -> None:
    for key, value in service:
        if key.startswith("ExecStart"):
            program, command = value.split(" ", 1)
            assert program == PROGRAM
            done = subprocess.run([HEADRACE, command, "--help"], capture_output=True, check=False)
            assert done.returncode == 0


def test_systemd_understands_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not on this machine")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(HEADRACE)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
