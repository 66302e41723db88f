"""Attached files in the folders of calls, whatever the kernel enforces."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engines.conftest import Bench
from tests.engines.test_local_engine_changes import use_only

from headrace.core.calls import Code, Material
from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.engines.local.bounds import Bounds
from headrace_harness import kernel

needs_landlock = pytest.mark.skipif(kernel.landlock_version() < 2, reason="no Landlock")
KINDS = ["(_Mounts, _Landlock)", pytest.param("(_Landlock,)", marks=needs_landlock), "()"]

READS = """
    import os
    from pathlib import Path
    {first}
    AT_IMPORT = Path(__file__).parent.joinpath("models/deep/m.txt").read_text()
    def fn():
        now = Path("src/models/deep/m.txt").read_text()
        return {{"out": [AT_IMPORT, now]}}
    def spoil():
        try:
            Path("src/models/deep/m.txt").write_text("spoiled")
        except OSError as error:
            return {{"out": type(error).__name__}}
        return {{"out": "written"}}
    def replace():
        path = Path("src/models/deep/m.txt")
        path.unlink()
        path.write_text("mine")
        return {{"out": path.read_text()}}
"""
STARTS_A_THREAD = "import threading; threading.Thread(target=threading.Event().wait, daemon=True)"


@pytest.fixture
def attached(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of this machine, attached at ``src/models/deep/m.txt``."""
    folder = bench.root / "attachments"
    folder.mkdir()
    bench.open(bounds=Bounds(closed=(folder,)))
    copy = folder / "digest"
    copy.write_text("content")
    copy.chmod(0o444)

    async def resolve(code: Code) -> Material:
        return Material(bench.python, bench.folder, {"src/models/deep/m.txt": copy})

    monkeypatch.setattr(bench, "resolve", resolve)
    return copy


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("first", ["", f"{STARTS_A_THREAD}.start()"], ids=["forked", "bare"])
async def test_it_is_there_at_import_and_in_each_call(
    bench: Bench, attached: Path, kinds: str, first: str
) -> None:
    if kinds != KINDS[0]:
        use_only(bench, kinds)
    bench.write(READS.format(first=first))
    # Rules alone would close the folder of temporary files, so here they are not used.
    spoiled = {"OSError", "PermissionError", "written"} if kinds == KINDS[0] else {"written"}
    for _ in range(2):
        assert await bench.value() == ["content", "content"]
        assert await bench.value("replace") == "mine"
        assert await bench.value("spoil") in spoiled
        assert attached.read_text() == "content"
    assert not (bench.folder / "src/models").exists()


@pytest.mark.parametrize(
    "taken", ["src/models/deep/m.txt", "src/models", "src/models/deep/m.txt/x"]
)
async def test_a_place_that_is_taken_is_an_error_in_words(
    bench: Bench, attached: Path, taken: str
) -> None:
    bench.write("taken", taken)
    bench.write(READS.format(first=""))
    outcome, _ = await bench.run()
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.ENVIRONMENT
    assert "src/models/deep/m.txt already, where a file is attached" in outcome.message


async def test_a_link_on_the_way_leads_nowhere_else(bench: Bench, attached: Path) -> None:
    bench.write(READS.format(first=""))
    (bench.folder / "src/models").symlink_to("elsewhere")
    (bench.folder / "src/elsewhere/deep").mkdir(parents=True)
    outcome, _ = await bench.run()
    assert isinstance(outcome, Failure)
    assert "already, where a file is attached" in outcome.message


async def test_it_can_be_returned_as_a_file(bench: Bench, attached: Path) -> None:
    bench.write("def fn():\n    return {'out': {'path': 'src/models/deep/m.txt'}}\n")
    outcome, log = await bench.run(outputs={"out": "file"})
    assert isinstance(outcome, Returned), (outcome, log)
    assert outcome.files["out"].path.read_text() == "content"
    assert attached.read_text() == "content"
