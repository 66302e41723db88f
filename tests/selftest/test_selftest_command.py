"""``headrace selftest``: a short test on the user's own machine, with a verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headrace.selftest.machine import ClockWatch, file_system, look_at_disk

pytestmark = pytest.mark.system

HEADRACE = Path(sys.executable).parent / "headrace"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "selftest", *arguments], capture_output=True, text=True, check=False, timeout=110
    )


def test_a_sound_installation_passes(tmp_path: Path) -> None:
    """Whatever variables point at another server, and without leaving anything."""
    done = run("--kills", "2", "--folder", str(tmp_path), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["is_proven"] is True
    assert {line["state"] for line in report["lines"]} <= {"ok", "note"}
    texts = "\n".join(line["text"] for line in report["lines"])
    for claim in (
        "killed the server 2 times",
        "no acknowledged execution is lost",
        "no fire time is missing or doubled (2",
        "no process is left",
        "the clock keeps its pace",
    ):
        assert claim in texts
    assert not list(tmp_path.iterdir())
    mine = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info["cmdline"])]
    assert not mine


def test_an_installation_that_cannot_start_fails(tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import os, sys\nif 'serve' in sys.argv: os.write(2, b'no server today'), os._exit(1)\n"
    )
    done = subprocess.run(
        [HEADRACE, "selftest", "--folder", tmp_path],
        env={**os.environ, "PYTHONPATH": str(broken)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "The server did not start. It said: no server today" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_the_disk_of_a_folder_is_looked_at(tmp_path: Path) -> None:
    found = look_at_disk(tmp_path)
    assert "a sync takes" in found.text
    assert not list(tmp_path.iterdir())
    assert file_system(Path("/proc")) == "proc"
    in_memory = look_at_disk(Path("/dev/shm"))  # noqa: S108 - a file system in memory
    assert "in memory" in in_memory.text
    assert (in_memory.is_good, in_memory.is_fatal) == (False, False)


def test_a_clock_that_is_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ClockWatch()
    assert watch.finding().is_good
    watch._wall -= 3600
    assert "the clock was set +3600" in watch.finding().text
    monkeypatch.setattr("headrace.selftest.machine.EARLIEST_YEAR", 9999)
    assert "years behind" in watch.finding().text
