"""Calls of images in real containers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.containers.conftest import NUMBER, Yard, failed, log_of, returned, until

from headrace.core.calls import Limits
from headrace.core.outcomes import FailureKind, Returned
from headrace.core.values import DataType
from headrace.engines.container.containers import NOTE_OF_LIMITS
from headrace.engines.port import NeverBegan

EVERYTHING = {
    "number": DataType.NUMBER,
    "text": DataType.STRING,
    "flag": DataType.BOOLEAN,
    "items": DataType.ARRAY,
    "record": DataType.JSON,
    "nothing": DataType.STRING,
    "file": DataType.FILE,
    "beside": DataType.FILE,
}


async def test_values_files_variables_and_logs_go_in_and_come_out(yard: Yard) -> None:
    code = yard.ready()
    variables = {
        "SPACED": "  'a' \"b\" #c $HOME \\n é ",
        "LINES": "-----BEGIN\n  two=2\n\nEND",
        "EMPTY": "",
        "EQUAL": "=x=",
    }
    program = """
        import pathlib, sys
        print("on stdout", flush=True); print("on stderr", file=sys.stderr)
        sys.stdout.write("without an end")
        seen = {name: os.environ[name] for name in values["names"]}
        content = pathlib.Path(values["given"]["path"]).read_bytes()
        pathlib.Path("back.bin").write_bytes(content[::-1])
        pathlib.Path("/tmp/absolute.txt").write_text("absolute")
        give(number=values["number"] + 1, text="é\\n", flag=True, items=[1, None], record=seen,
             nothing=None, file={"path": "back.bin"}, beside="/tmp/absolute.txt", more=1)
    """
    call = yard.call(
        code,
        program,
        files={"given": yard.input_file("grüße x.bin", b"\0abc")},
        variables=variables,
        outputs=EVERYTHING,
        absent={"left_out": None},
    )
    call = replace(call, values={**call.values, "number": 1.5, "names": list(variables)})
    outcome = returned(await yard.engine.run(call))
    assert outcome.values == {
        "number": 2.5,
        "text": "é\n",
        "flag": True,
        "items": [1, None],
        "record": variables,
        "nothing": None,
    }
    contents = {
        name: (file.filename, file.path.read_bytes()) for name, file in outcome.files.items()
    }
    assert contents == {"file": ("back.bin", b"cba\0"), "beside": ("absolute.txt", b"absolute")}
    assert sorted(log_of(call)) == [
        ("stderr", "on stderr"),
        ("stdout", "on stdout"),
        ("stdout", "without an end"),
    ]
    assert not (call.workspace / "variables").exists()


WRONG = {
    "raise ValueError('thirteen')": (FailureKind.EXITED, "exit status 1: ValueError: thirteen"),
    "os._exit(3)": (FailureKind.EXITED, "exit status 3."),
    "pass": (FailureKind.BAD_OUTPUT, "without /headrace/outputs.json"),
    "give(other=1)": (FailureKind.BAD_OUTPUT, "output 'number' is missing"),
    "give(number='x')": (FailureKind.BAD_OUTPUT, "output 'number' must be a number"),
    "os.mkdir(os.environ['HEADRACE_OUTPUTS'])": (FailureKind.BAD_OUTPUT, "outputs.json is no file"),
    "give(number='1' * 70000)": (FailureKind.BAD_OUTPUT, "HEADRACE_MAX_OUTPUT_BYTES"),
}


async def test_what_goes_wrong_is_said(yard: Yard) -> None:
    code, limits = yard.ready(), Limits(output_bytes=65536)
    outcomes = await asyncio.gather(
        *(yard.run(code, program, outputs=NUMBER, limits=limits) for program in WRONG)
    )
    for outcome, (kind, message) in zip(outcomes, WRONG.values(), strict=True):
        failure = failed(outcome)
        assert (failure.kind, message in failure.message) == (kind, True), failure


async def test_a_file_is_the_containers_own_wherever_its_path_leads(yard: Yard) -> None:
    secret = yard.root / "secret.txt"
    secret.write_text("of the server")
    code = yard.ready()
    programs = {
        f"give(file={str(secret)!r})": "cannot be read",
        f"os.symlink({str(secret)!r}, '/tmp/link'); give(file='/tmp/link')": "",
        "give(file='/tmp')": "is no file",
    }
    file = {"file": DataType.FILE}
    outcomes = await asyncio.gather(*(yard.run(code, each, outputs=file) for each in programs))
    for outcome, message in zip(outcomes, programs.values(), strict=True):
        failure = failed(outcome)
        assert failure.kind is FailureKind.BAD_OUTPUT
        assert "output 'file'" in failure.message
        assert message in failure.message


async def test_a_user_who_is_not_root_can_read_and_write(yard: Yard) -> None:
    code = await yard.build("USER guest\n")
    program = "give(number=os.getuid() + len(open(values['given']['path']).read()))"
    call = yard.call(code, program, files={"given": yard.input_file("a", b"xy")}, outputs=NUMBER)
    assert returned(await yard.engine.run(call)).values == {"number": 1236}


FOREVER = """
    import signal, time
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    print("up", flush=True)
    time.sleep(1000)
"""


async def test_a_call_over_its_time_is_ended_with_all_that_it_has_started(yard: Yard) -> None:
    code = yard.ready()
    limits = Limits(timeout_s=1.5, grace_s=0.5)
    failure = failed(await yard.run(code, FOREVER, limits=limits))
    assert (failure.kind, failure.message) == (
        FailureKind.TIMEOUT,
        "The container did not end within 1.5 s.",
    )
    assert yard.place.containers_of(yard.data_id) == []


async def test_a_cancelled_call_is_gone_with_all_that_it_has_started(yard: Yard) -> None:
    code = yard.ready()
    call = yard.call(code, FOREVER)
    running = asyncio.create_task(yard.engine.run(call))
    await until(lambda: call.log.exists() and ("stdout", "up") in log_of(call), "it runs")
    names = await asyncio.to_thread(yard.place.containers_of, yard.data_id)
    (pid,) = yard.place.ask("inspect", "--format", "{{.State.Pid}}", *names).split()
    assert Path(f"/proc/{pid}").exists()
    running.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    assert not isinstance(caught.value, NeverBegan)
    assert yard.place.containers_of(yard.data_id) == []
    await until(lambda: not Path(f"/proc/{pid}").exists(), "its process is gone")


async def test_a_call_that_is_cancelled_at_once_has_never_begun(yard: Yard) -> None:
    code = yard.ready()
    running = asyncio.create_task(yard.run(code, "print('up')"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(NeverBegan):
        await running


async def test_memory_is_limited(yard: Yard) -> None:
    code = yard.ready()
    call = yard.call(code, "x = bytearray(400 << 20)", limits=Limits(memory_bytes=100 << 20))
    outcome = await yard.engine.run(call)
    if isinstance(outcome, Returned):
        said = [text for _, text in log_of(call) if text.startswith(NOTE_OF_LIMITS)]
        assert said, "a limit that does not hold is said"
        pytest.skip(f"this machine limits no memory of containers: {said[0]}")
    failure = failed(outcome)
    if failure.kind is FailureKind.ENVIRONMENT:
        pytest.skip(f"this machine limits no memory of containers: {failure.message}")
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert "its limit of 100 MiB" in failure.message


async def test_close_ends_what_runs(yard: Yard) -> None:
    code = yard.ready()
    call = yard.call(code, FOREVER)
    running = asyncio.create_task(yard.engine.run(call))
    await until(lambda: call.log.exists() and ("stdout", "up") in log_of(call), "it runs")
    await yard.engine.close()
    assert failed(await running)
    assert yard.place.containers_of(yard.data_id) == []
    assert failed(await yard.run(code, "pass")).kind is FailureKind.WORKER_LOST


async def test_a_required_value_that_is_not_there_is_said_before_anything_starts(
    yard: Yard,
) -> None:
    code = yard.ready()
    given: dict[str, Any] = {"absent": {"a": "The input a is required."}}
    failure = failed(await yard.run(code, "pass", **given))
    assert (failure.kind, failure.message) == (FailureKind.BAD_INPUT, "The input a is required.")
