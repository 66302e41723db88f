"""Servers that the tests of one module share, and may stop, kill and start again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import RunningServer
from tests.system.told_pipelines import Told, make_pipelines


@pytest.fixture(scope="module")
def make_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Told]]:
    """Makes a server with the pipelines that are told what to do: ``make_told(HEADRACE_X="1")``."""
    made: list[RunningServer] = []
    folder = tmp_path_factory.mktemp("told")

    def make(data_dir: Path | None = None, **environ: str) -> Told:
        server = RunningServer(data_dir or folder / "data", environ)
        made.append(server)
        # Of each server its own: marks that another one's code left would be taken for its own.
        found = Told(server.start(), folder / f"marks{len(made)}")
        make_pipelines(found.sdk, folder / "code")
        return found

    yield make
    for server in made:
        assert server.stop() == 0, server.log.read_text()
