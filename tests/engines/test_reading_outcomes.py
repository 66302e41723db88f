"""A server that has no descriptor left does not take a result for a failure of the code."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.core.calls import Call, Code
from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.core.values import DataType
from headrace.engines.local import outcome as reading
from headrace.engines.local.outcome import read_outcome
from headrace.engines.local.template import Ended


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Path("/dev/null").open("rb")  # noqa: SIM115 - it cannot be opened
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def call_in(workspace: Path) -> Call:
    (workspace / "outcome.json").write_text('{"values": {"out": 1}, "files": {}}')
    code = Code("e", "b", "main.py", "fn")
    return Call(
        execution_id="e",
        attempt=1,
        code=code,
        values={},
        files={},
        outputs={"out": DataType.NUMBER},
        variables={},
        identity={},
        workspace=workspace,
        log=workspace / "log",
    )


async def test_a_result_waits_for_a_descriptor(tmp_path: Path) -> None:
    call = call_in(tmp_path)
    with no_descriptor_left():
        waiting = asyncio.create_task(read_outcome(call, Ended(exit=0)))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert await waiting == Returned({"out": 1}, {})


async def test_if_there_is_none_for_long_the_server_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAUSES_S", (0.0, 0.0))
    call = call_in(tmp_path)
    with no_descriptor_left():
        outcome = await read_outcome(call, Ended(exit=0))
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.WORKER_LOST
    assert "descriptors" in outcome.message
