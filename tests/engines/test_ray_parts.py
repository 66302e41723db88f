"""The parts of the engine of a cluster that need no cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from headrace.agent.folder import open_folder
from headrace.core.attachments import Attachment
from headrace.core.calls import Call, Code, InputFile, Limits
from headrace.core.errors import Unavailable
from headrace.core.outcomes import Failure, FailureKind, OutputFile, Returned
from headrace.core.pipelines import Calling
from headrace.core.values import DataType, JsonText
from headrace.engines.ray.connection import refusal
from headrace.engines.ray.messages import (
    PIECE_BYTES,
    Header,
    call_in,
    of_call,
    of_outcome,
    outcome_in,
    pack,
    unpack,
)
from headrace.engines.ray.peer import Answer, Peer, PeerGone, Respond
from headrace.engines.ray.pieces import fetch, piece
from headrace.engines.ray.placement import choose
from headrace.engines.ray.settings import read_engine

CODE = Code(
    "e" * 64,
    "b" * 64,
    "src/f.py",
    "fn",
    "ada",
    Calling.TYPED,
    (Attachment("m.bin", "d" * 64, 3, "o"),),
    None,
    "python:3.11-slim",
    "requirements.txt",
)


# Messages.


def test_a_call_arrives_as_it_was_sent_but_for_its_places() -> None:
    sent = Call(
        "id",
        2,
        CODE,
        {"n": 1, "text": "é\ud7ff", "deep": {"a": [None, 1.5]}},
        {"data": InputFile(Path("/here/x"), "my data.bin")},
        {"out": DataType.JSON},
        {"A": "b"},
        {"HEADRACE_EXECUTION_ID": "id"},
        Path("/here/w"),
        Path("/here/log"),
        Limits(3.0, 100, 0.5, 10),
        {"gone": "why", "null": None},
    )
    header, _ = unpack(pack(of_call(sent)))
    got = call_in(header, {"data": Path("/there/x")}, Path("/there/w"), Path("/there/log"))
    files = {"data": InputFile(Path("/there/x"), "my data.bin")}
    assert got == replace(sent, files=files, workspace=Path("/there/w"), log=Path("/there/log"))


@pytest.mark.parametrize("size", [10, 1 << 19])
def test_an_outcome_arrives_and_large_values_stay_text(size: int) -> None:
    sent = Returned({"a": "x" * size, "b": None}, {"f": OutputFile(Path("/n/f/x"), "x", 7)})
    header, _ = unpack(pack({**of_outcome(sent), "warm": ["k" * 64]}), keeps_text=True)
    got = outcome_in(header, Path("/s"))
    assert isinstance(got, Returned)
    assert got.files == {"f": OutputFile(Path("/s/f/x"), "x", 7)}
    value = got.values["a"]
    assert (value.value() if isinstance(value, JsonText) else value) == "x" * size
    assert got.values["b"] is None


def test_a_failure_arrives_as_it_was_sent() -> None:
    sent = Failure(FailureKind.TIMEOUT, "late")
    header, _ = unpack(pack(of_outcome(sent)), keeps_text=True)
    assert outcome_in(header, Path("/s")) == sent


# Questions and answers.


def pair(respond: dict[str, Respond]) -> tuple[Peer, Peer]:
    """Two sides; each message arrives in another step of the event loop."""
    sides: list[Peer] = []

    def to(which: int) -> Callable[[bytes], None]:
        def send(data: bytes) -> None:
            asyncio.get_running_loop().call_soon(sides[which].take, data)

        return send

    sides.extend([Peer(to(1), {}, {}), Peer(to(0), respond, {})])
    return sides[0], sides[1]


async def ask_for(asking: Peer, offset: int) -> Answer:
    return await asking.ask("piece", offset=offset)


async def test_files_of_any_size_come_in_pieces(tmp_path: Path) -> None:
    for size in (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES):
        source, target = tmp_path / "source", tmp_path / str(size) / "target"
        source.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))

        async def respond(header: Header, _: bytes, source: Path = source) -> Answer:
            return await piece(source, header["offset"])

        asking, _ = pair({"piece": respond})
        await fetch(partial(ask_for, asking), target)
        assert target.read_bytes() == source.read_bytes()


async def test_what_cannot_be_answered_is_said() -> None:
    async def refuse(_: Header, __: bytes) -> Answer:
        raise Unavailable("no room")

    async def break_down(_: Header, __: bytes) -> Answer:
        raise ValueError("oh")

    asking, _ = pair({"refuse": refuse, "break": break_down})
    with pytest.raises(Unavailable, match="no room"):
        await asking.ask("refuse")
    with pytest.raises(Unavailable, match="ValueError: oh"):
        await asking.ask("break")
    with pytest.raises(Unavailable, match="unknown"):
        await asking.ask("unknown")


async def test_a_lost_side_ends_what_is_asked_and_what_will_be() -> None:
    async def never(_: Header, __: bytes) -> Answer:
        await asyncio.Event().wait()
        return Answer({})

    asking, answering = pair({"never": never})
    waits = asyncio.create_task(asking.ask("never"))
    await asyncio.sleep(0)
    asking.close("gone")
    with pytest.raises(PeerGone, match="gone"):
        await waits
    with pytest.raises(PeerGone, match="gone"):
        await asking.ask("never")
    answering.close("gone")


# Where a call runs.


@dataclass
class Place:
    processors: float
    calls: int
    warm: frozenset[str] = frozenset()

    def is_warm(self, key: str) -> bool:
        return key in self.warm


def test_a_call_goes_where_a_processor_is_free_then_where_its_code_is() -> None:
    full = Place(1, 1, frozenset({"k"}))
    cold, warm = Place(4, 0), Place(4, 3, frozenset({"k"}))
    assert choose([full, cold, warm], "k") is warm
    assert choose([full, cold, warm], "other") is cold
    assert choose([Place(1, 3), busy := Place(4, 8)], "k") is busy
    assert choose([], "k") is None


# Settings and refusals.


def test_engines_are_read() -> None:
    for text in ("local", "ray", "ray://head:6379", "ray://[::1]:1"):
        assert read_engine(text) == text
    for text in (
        "auto",
        "ray:",
        "ray://head",
        "ray://:1",
        "ray://h:0",
        "ray://h:70000",
        "dask://h:1",
    ):
        with pytest.raises(ValueError, match="ray://HOST:PORT"):
            read_engine(text)


def test_refusals_say_what_to_do() -> None:
    assert "install the same on both" in refusal("h:1", "RuntimeError: Version mismatch: a\n b")
    assert "HEADRACE_RAY_TOKEN" in refusal("h:1", "ConnectionError: x", "Unauthenticated: y")
    assert "ray start" in refusal("auto", "ConnectionError: no cluster")
    assert "of this machine" in refusal("auto", "")


# The folder of agents.


def test_a_folder_that_an_agent_holds_is_left_and_another_is_removed(tmp_path: Path) -> None:
    environ = {"HEADRACE_AGENT_DIR": str(tmp_path / "agents")}
    held = open_folder(environ)
    (tmp_path / "agents" / "agent-left").mkdir()
    (tmp_path / "agents" / "agent-left" / "file").touch()
    second = open_folder(environ)
    assert held.own.is_dir()
    assert second.own != held.own
    assert not (tmp_path / "agents" / "agent-left").exists()
    assert (tmp_path / "agents").stat().st_mode & 0o077 == 0
    second.discard()
    assert not second.own.exists()
