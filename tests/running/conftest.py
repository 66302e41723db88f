"""A data directory with a pipeline that is ready, for each test its own."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.conftest import wait_until
from tests.running.parts import make_pipeline


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the pipeline ``work``; for copying."""
    root = tmp_path_factory.mktemp("made") / "data"
    asyncio.run(make_pipeline(root))
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A data directory of the test's own, with the pipeline ``work``."""
    return Path(shutil.copytree(made, tmp_path / "data", symlinks=True))


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    """Where the code of the pipeline says that it runs, and is told to go on."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return Marks(folder)


class Marks:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pids(self, name: str) -> list[int]:
        """The processes that have begun to work for this name, oldest first."""
        found = [mark for mark in self.folder.glob(f"{name}.*") if mark.suffix[1:].isdigit()]
        return [int(mark.suffix[1:]) for mark in sorted(found, key=lambda m: m.stat().st_mtime_ns)]

    async def begun(self, name: str, count: int = 1) -> int:
        """Wait until so many have begun, and return the last one's process."""
        what = f"{count} of {name} have begun"
        await asyncio.to_thread(wait_until, lambda: len(self.pids(name)) >= count, what=what)
        return self.pids(name)[-1]

    def go(self, name: str, pid: int, word: str = "") -> None:
        """Let one go on."""
        draft = self.folder / f"{name}.{pid}.go.draft"
        draft.write_text(word)
        draft.rename(draft.with_suffix(""))
