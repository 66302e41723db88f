"""The base install: HTTP, JSON and cron expressions, and nothing else Headrace could lean on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import headrace
from headrace.client.client import HeadraceSdk

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
BASE = ("cronsim", "pathspec", "tzdata")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Returns the output of Python, or of a command, in an environment of the base install."""
    folder = tmp_path_factory.mktemp("bare")
    lock = (ROOT / "requirements.lock").read_text()
    pins = [pin for name in BASE for pin in re.findall(rf"^{name}==\S+", lock, re.MULTILINE)]
    assert len(pins) == len(BASE)
    python = folder / "bin/python"
    for command in (
        [UV, "venv", "--quiet", "--python", sys.executable, folder],
        [UV, "pip", "install", "--quiet", "--no-deps", "--python", python, *pins],
        [UV, "pip", "install", "--quiet", "--no-deps", "--python", python, ROOT],
    ):
        subprocess.run(command, check=True, timeout=100)

    def run(*arguments):
        program, *rest = arguments
        return subprocess.run(
            [folder / "bin" / program, *rest],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=folder,
        )

    return run


def test_the_sdk_needs_the_base_install_alone(bare):
    program = (
        "from headrace import *\n"
        "sdk = HeadraceSdk('t', 'http://127.0.0.1:9')\n"
        "Input('n', 'number'); InputSource('n', is_null=True)\n"
        "try: sdk.list_pipelines()\n"
        "except Unavailable as error: print('unavailable')\n"
    )
    done = bare("python", "-W", "error", "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "unavailable\n", "")


def test_the_command_says_what_it_needs(bare):
    assert bare("headrace", "--help").returncode == 0
    done = bare("headrace", "executions", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'headrace[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("dev", "a.py:f"), ("run", "--local", "a.py:f")])
def test_a_command_with_a_server_of_its_own_names_the_extra_that_has_all(bare, arguments):
    done = bare("headrace", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'headrace[server]'" in done.stderr


def test_importing_headrace_loads_no_http(bare):
    program = (
        "import sys, headrace; print({'http', 'ssl', 'asyncio', 'pathspec'} & set(sys.modules))"
    )
    assert bare("python", "-c", program).stdout == "set()\n"


def test_the_version_is_that_of_the_distribution(bare):
    program = "from importlib.metadata import version; print(version('headrace'))"
    assert bare("python", "-c", program).stdout.strip() == headrace.__version__


def test_everything_public_is_there():
    assert all(hasattr(headrace, name) for name in headrace.__all__)
    assert headrace.HeadraceSdk is HeadraceSdk
