"""Several servers may share one folder of environments, and any may be killed at any time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.core.environments import EnvironmentSpec
from headrace.environments.uv import UvBuilder

pytestmark = pytest.mark.system

_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from headrace.core.environments import EnvironmentSpec
from headrace.environments.uv import UvBuilder

async def main(root, cache, folder, requirements):
    builder = UvBuilder(Path(root), cache=Path(cache))
    spec = EnvironmentSpec("3.11", requirements, folder_digest="test")
    await builder.ready(spec, folder=Path(folder), say=lambda line: print(line, flush=True))
    await builder.close()

asyncio.run(main(*sys.argv[1:]))
"""


def start(root: Path, cache: Path, folder: Path, requirements: str) -> subprocess.Popen[str]:
    """Start another process that makes an environment ready and prints what is said."""
    return subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, root, cache, folder, requirements],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_processes_that_ask_for_the_same_build_it_once(workshop, root, tmp_path):
    requirements = workshop.wheel("alpha")
    others = [start(root, tmp_path / "cache", workshop.folder, requirements) for _ in range(2)]
    said = [other.communicate()[0] for other in others]
    assert [other.returncode for other in others] == [0, 0], said
    assert "".join(said).count("building the environment") == 1
    digest = EnvironmentSpec("3.11", requirements, folder_digest="test").digest
    assert UvBuilder(root).find(digest)


def test_two_processes_with_one_cold_cache_do_not_spoil_each_other(workshop, root, tmp_path):
    texts = ["six==1.17.0\nidna==3.10\n", "idna==3.10\ntomli==2.2.1\nsix==1.17.0\n"]
    others = [start(root, tmp_path / "cache", workshop.folder, text) for text in texts]
    said = [other.communicate()[0] for other in others]
    assert [other.returncode for other in others] == [0, 0], said
    for text, modules in zip(texts, ("six, idna", "idna, tomli, six"), strict=True):
        digest = EnvironmentSpec("3.11", text, folder_digest="test").digest
        environment = UvBuilder(root).find(digest)
        assert environment is not None
        subprocess.run([environment.python, "-I", "-c", f"import {modules}"], check=True)


async def test_a_killed_build_is_not_taken_for_ready_and_can_be_made_again(
    builder, workshop, root, tmp_path, until
):
    """The installer outlives the server for a moment, and keeps the lock as long as it lives."""
    requirements, hold, begun = workshop.slow_package()
    spec = workshop.spec(requirements)
    killed = start(root, tmp_path / "uv-cache", workshop.folder, requirements)
    await until(begun.exists)
    killed.kill()
    if killed.stdout is not None:
        killed.stdout.close()
    killed.wait()
    assert (root / spec.digest).exists()
    assert builder.find(spec.digest) is None

    said: list[str] = []
    building = asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=said.append))
    await until(lambda: bool(said))
    assert said == ["waiting for another build of the same environment"]
    hold.unlink()
    environment = await building
    assert environment == builder.find(spec.digest)
    subprocess.run([environment.python, "-I", "-c", "import slow"], check=True)
