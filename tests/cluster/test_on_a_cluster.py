"""Executions on a real Ray cluster of two nodes, in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cluster.simulated import APART
from tests.conftest import clean_environ

REPOSITORY = Path(__file__).parents[2]
TESTS = (
    "tests/engines/test_engine_conformance.py",
    "tests/cluster/server_on_a_cluster.py",
    # Last, because they kill parts of it.
    "tests/cluster/losses_of_nodes.py",
)


def apart() -> list[str]:
    """The command that enters namespaces of one's own."""
    command = list(APART) if os.getuid() == 0 else [*APART, "--user", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine allows no namespaces, and Ray would listen to others")
    return command


@pytest.mark.system
@pytest.mark.timeout(600)
def test_engine_and_server_do_on_a_cluster_what_they_do_on_one_machine(tmp_path: Path) -> None:
    environ = {
        name: text for name, text in clean_environ().items() if not name.startswith("PYTEST_")
    }
    output = tmp_path / "output"
    with output.open("wb") as file:
        ended = subprocess.run(
            [*apart(), sys.executable, "-m", "tests.cluster.simulated", *TESTS],
            cwd=REPOSITORY,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            timeout=550,
            check=False,
        )
    said = output.read_text(errors="replace")
    assert ended.returncode == 0, said[-20_000:]
    assert "listen beyond loopback: []" in said, said[-2000:]
