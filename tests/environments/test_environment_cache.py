"""Bytecode is written in the background; what nobody needs is removed, and nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from headrace.environments.uv import UvBuilder

HOUR_S = 3600.0


def bytecode_of(folder: Path, module: str) -> list[Path]:
    return list(folder.glob(f"lib/python3*/site-packages/__pycache__/{module}.*.pyc"))


def age(root: Path, digest: str, seconds: float) -> None:
    """Make the last use of an environment lie further back."""
    then = time.time() - seconds
    for mark in (root / digest).glob("headrace-ready.json"):
        os.utime(mark, (then, then))


async def test_bytecode_is_written_after_the_environment_is_ready(builder, workshop, root, until):
    spec = workshop.spec(workshop.wheel("alpha"))
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await until(lambda: bool(bytecode_of(root / spec.digest, "alpha")))


async def test_finishing_returns_when_all_bytecode_is_written(builder, workshop, root):
    spec = workshop.spec(workshop.wheel("alpha"))
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    assert bytecode_of(root / spec.digest, "alpha")


async def test_a_file_that_does_not_compile_does_no_harm(builder, workshop, root):
    workshop.wheel("alpha")
    text = workshop.wheel("template", source="def {{ name }}(:\n") + "alpha\n"
    spec = workshop.spec(text)
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    assert bytecode_of(root / spec.digest, "alpha")
    assert not bytecode_of(root / spec.digest, "template")


async def test_compiling_that_was_stopped_is_resumed_by_the_next_server(
    builder, workshop, root, tmp_path
):
    spec = workshop.spec(workshop.wheel("alpha"))
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.close()
    assert not bytecode_of(root / spec.digest, "alpha")
    successor = UvBuilder(root, cache=tmp_path / "uv-cache")
    assert successor.find(spec.digest) is not None
    await successor.finish_compiling()
    assert bytecode_of(root / spec.digest, "alpha")
    await successor.close()


async def test_what_nobody_asked_for_lately_goes_and_the_rest_stays(builder, workshop, root):
    names = ("oldest", "kept", "recent", "old")
    specs = [workshop.spec(workshop.wheel(name)) for name in names]
    for spec in specs:
        await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    oldest, kept, recent, old = (spec.digest for spec in specs)
    for digest in (oldest, kept, old):
        age(root, digest, 2 * HOUR_S)
    discarded = await builder.discard_unused([kept], unused_for_s=HOUR_S)
    assert sorted(discarded) == sorted([oldest, old])
    assert builder.find(old) is None
    assert builder.find(kept)
    assert builder.find(recent)
    assert not (root / old).exists()
    assert await builder.discard_unused([], unused_for_s=0) != []
    assert [path.name for path in root.iterdir()] == ["uv.toml"]


async def test_asking_for_an_environment_keeps_it(builder, workshop, root):
    spec = workshop.spec("")
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    age(root, spec.digest, 2 * HOUR_S)
    assert builder.find(spec.digest)
    assert await builder.discard_unused([], unused_for_s=HOUR_S) == []


async def test_an_environment_that_is_being_built_is_not_removed(builder, workshop, until):
    requirements, hold, begun = workshop.slow_package()
    spec = workshop.spec(requirements)
    building = asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=lambda _: None))
    await until(begun.exists)
    assert await builder.discard_unused([], unused_for_s=0) == []
    hold.unlink()
    assert await building == builder.find(spec.digest)


async def test_leftovers_of_killed_builds_and_removals_go(builder, root):
    (root / ".trash-1" / "lib").mkdir(parents=True)
    (root / "half-made" / "bin").mkdir(parents=True)
    assert builder.find("half-made") is None
    await builder.discard_unused([], unused_for_s=0)
    assert [path.name for path in root.iterdir()] == ["uv.toml"]
