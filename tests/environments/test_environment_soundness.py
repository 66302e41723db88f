"""An environment that was changed after it was built is built again."""

from __future__ import annotations

import os
import shutil

import pytest


def packages(root, spec):
    return next((root / spec.digest).glob("lib/python3*/site-packages"))


@pytest.mark.parametrize(
    "change",
    [
        lambda found: (found / "late.pth").write_text("import os"),
        lambda found: (found / "alpha.py").write_text("x = 'other'"),
        lambda found: (found / "alpha.py").unlink(),
        lambda found: (found / "alpha.py").rename(found / "beta.py"),
    ],
)
async def test_a_changed_environment_is_built_again(builder, workshop, root, change):
    spec = workshop.spec(workshop.wheel("alpha"))
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    before = {path.name for path in packages(root, spec).iterdir()}
    change(packages(root, spec))
    assert await builder.sound(spec.digest) is None
    assert builder.find(spec.digest) is None
    said: list[str] = []
    environment = await builder.ready(spec, folder=workshop.folder, say=said.append)
    assert await builder.sound(spec.digest) == environment
    assert any("building the environment" in line for line in said)
    await builder.finish_compiling()
    assert {path.name for path in packages(root, spec).iterdir()} == before


async def test_asking_for_a_changed_environment_by_its_spec_builds_it_again(
    builder, workshop, root
):
    spec = workshop.spec(workshop.wheel("alpha"))
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    (packages(root, spec) / "late.pth").write_text("import os")
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert not (packages(root, spec) / "late.pth").exists()


async def test_bytecode_links_and_use_do_not_count_as_changes(builder, workshop, root, tmp_path):
    spec = workshop.spec(workshop.wheel("alpha"))
    environment = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    await builder.finish_compiling()
    os.link(packages(root, spec) / "alpha.py", tmp_path / "linked")
    os.utime(root / spec.digest / "headrace-ready.json")
    shutil.rmtree(packages(root, spec) / "__pycache__")
    assert await builder.sound(spec.digest) == environment


async def test_an_environment_of_an_earlier_version_is_taken_as_it_is(builder, workshop, root):
    spec = workshop.spec(workshop.wheel("alpha"))
    environment = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    (root / spec.digest / "headrace-stamp").unlink()
    assert await builder.sound(spec.digest) == environment
    (packages(root, spec) / "late.pth").write_text("import os")
    assert await builder.sound(spec.digest) is None
