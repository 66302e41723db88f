"""A lane keeps to what the engine says about calls that it was sent, and begins none twice."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headrace_harness.board import Board
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.lanes import SequentialLane
from headrace_harness.pod_calls import Function
from headrace_harness.scope import Scope
from headrace_harness.sinks import NativeOutput, Sink
from headrace_harness.streams import WINDOW_BYTES

PATIENCE_S = 20


@dataclass
class Running:
    """A lane that serves in a thread, and the engine's end of its socket."""

    lane: SequentialLane
    socket: socket.socket
    log: Path
    begun: threading.Event
    go_on: threading.Event
    board: Board
    heard: list[Message] = field(default_factory=list)
    frames: FrameReader = field(default_factory=FrameReader)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            call = {
                "op": "call",
                "number": number,
                "id": f"execution-{number}",
                "values": {"number": number},
                "log": str(self.log),
                "workspace": "",
                "stream": True,
            }
            self.socket.sendall(encode_frame(call))

    def hear(self) -> Message:
        while not self.heard:
            self.heard += self.frames.feed(self.socket.recv(65536))
        return self.heard.pop(0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    mine, theirs = socket.socketpair()
    mine.settimeout(PATIENCE_S)
    settling, other = socket.socketpair()
    pipes = [os.pipe(), os.pipe()]
    board = Board()
    native = NativeOutput(board, tuple(writer for _, writer in pipes), settling)
    begun, go_on = threading.Event(), threading.Event()

    def fn(number: int) -> dict[str, int] | Iterator[str]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        # From 10 on more than may be under way to a reader.
        return {"out": number} if number < 10 else iter_items()

    def iter_items() -> Iterator[str]:
        for _ in range(2 * WINDOW_BYTES // 1000):
            yield "x" * 1000

    setup = {
        "function_path": "f.py",
        "function": "fn",
        "calling": "platform",
        "outputs": {"out": "json"},
        "identity": {},
        "id_names": [],
        "output_bytes": 1 << 20,
        "log_bytes": 1000,
    }
    scope = Scope(Sink(lambda: pytest.fail("nothing is said"), native.settle))
    function = Function(fn, setup, scope, send=lambda _: None, settle=native.settle)
    lane = SequentialLane(theirs, function, board, native)
    thread = threading.Thread(target=lane.serve)
    thread.start()
    yield Running(lane, mine, tmp_path / "log", begun, go_on, board)
    go_on.set()
    mine.close()
    thread.join(PATIENCE_S)
    for end in (theirs, settling, other):
        end.close()
    for descriptor in [descriptor for pipe in pipes for descriptor in pipe]:
        os.close(descriptor)


def test_only_calls_that_have_not_begun_are_given_back_and_they_never_begin(running):
    running.send(1, 2, 3)
    assert running.begun.wait(PATIENCE_S)
    running.lane.withdraw([1, 2])
    assert running.hear() == {"op": "withdrawn", "numbers": [2]}
    running.go_on.set()
    assert [running.hear()["values"]["out"] for _ in range(2)] == [1, 3]


def test_the_board_says_which_call_began_last_and_whose_output_comes(running):
    assert running.board.started == 0
    running.send(1)
    assert running.begun.wait(PATIENCE_S)
    assert running.board.started == 1
    assert running.board.log == os.fsencode(running.log)
    running.go_on.set()
    running.hear()
    assert running.board.started == 1
    assert running.board.log == b""


def test_a_call_that_is_stopped_before_it_begins_is_answered_at_once(running):
    running.send(1, 2)
    assert running.begun.wait(PATIENCE_S)
    running.lane.stop(2)
    stopped = running.hear()
    assert (stopped["number"], stopped["kind"]) == (2, "cancelled")
    running.go_on.set()
    assert running.hear()["number"] == 1
    running.send(3)
    assert running.hear()["number"] == 3


def test_a_reader_who_leaves_before_the_call_begins_does_not_hold_it_up(running):
    running.send(1, 10)
    assert running.begun.wait(PATIENCE_S)
    running.lane.grant(10, None)
    running.go_on.set()
    assert running.hear()["number"] == 1
    ended = running.hear()
    assert (ended["op"], len(ended["values"]["out"])) == ("ended", 2 * WINDOW_BYTES // 1000)


def test_what_the_engine_sends_in_pieces_is_put_together(running):
    running.go_on.set()
    text = json.dumps({"op": "variables", "set": {}, "unset": []}).encode()
    data = len(text).to_bytes(4, "big") + text
    for start in range(len(data)):
        running.socket.sendall(data[start : start + 1])
    running.send(1)
    assert running.hear()["values"] == {"out": 1}
