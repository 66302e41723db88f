"""Logs that several processes write at once lose nothing and stay in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import headrace_harness
from headrace.core.loglines import parse_line
from headrace_harness.shared_logs import PodLog, SharedLog

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from headrace_harness.shared_logs import PodLog, SharedLog
kind, path, name, limit = sys.argv[2:]
log = SharedLog(path, int(limit)) if kind == 'call' else PodLog(path, name, int(limit))
for n in range(500):
    if n % 2:
        log.write(b'o', [b'%s %d' % (name.encode(), n)])
    else:
        log.write_block(b'e', b'%s %d' % (name.encode(), n))
log.close()
"""


def write_at_once(kind: str, path: Path, limit: int) -> list[tuple[int, str]]:
    root = str(Path(headrace_harness.__file__).parent.parent)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, kind, path, f"p{n}", str(limit)])
        for n in range(3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = [parse_line(raw) for raw in path.read_bytes().splitlines(keepends=True)]
    assert None not in lines
    return [(line.at_us, line.message) for line in lines if line is not None]


def test_three_processes_write_one_log_in_order_of_time(tmp_path):
    lines = write_at_once("call", tmp_path / "log", 1 << 20)
    assert len(lines) == 1500
    times = [at_us for at_us, _ in lines]
    assert times == sorted(times)
    for name in ("p0", "p1", "p2"):
        own = [text for _, text in lines if text.startswith(name)]
        assert own == [f"{name} {n}" for n in range(500)]


def test_a_pods_log_that_is_halved_while_others_write_keeps_the_last_lines_of_all(tmp_path):
    path = tmp_path / "made" / "log"
    lines = write_at_once("pod", path, 10_000)
    assert 5_000 <= path.stat().st_size < 10_100
    times = [at_us for at_us, _ in lines]
    assert times == sorted(times)
    last = lines[-1][1].split()
    assert last[0] == last[1]
    for name in ("p0", "p1", "p2"):
        own = [int(text.split()[2]) for _, text in lines if text.startswith(name)]
        # Without a gap from the first that was kept to the end.
        assert own == list(range(500 - len(own), 500))


def test_a_log_that_has_been_removed_is_made_anew(tmp_path):
    log = PodLog(str(tmp_path / "log"), "pod", 1000)
    log.write(b"o", [b"one"])
    (tmp_path / "log").unlink()
    log.write(b"o", [b"two"])
    log.close()
    assert (tmp_path / "log").read_bytes().endswith(b" o pod two\n")
    assert b"one" not in (tmp_path / "log").read_bytes()


def test_the_room_of_a_call_s_log_is_that_of_all_who_write_it(tmp_path):
    first, second = (SharedLog(str(tmp_path / "a" / "log"), 100) for _ in range(2))
    first.write_block(b"o", b"x" * 60)
    first.close()
    second.close()
    third = SharedLog(str(tmp_path / "a" / "log"), 100)
    third.write_block(b"o", b"y" * 60)
    third.close()
    text = (tmp_path / "a" / "log").read_bytes()
    assert b"y" not in text.split(b" h ")[0]
    assert b"1 more lines were not kept" in text
