"""What became of a call, from what its process left in the workspace and how it ended."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from headrace.core.calls import Call
from headrace.core.errors import InvalidRequest
from headrace.core.outcomes import Failure, FailureKind, Outcome, OutputFile, Returned
from headrace.engines.local.process import describe_exit
from headrace.engines.local.template import Ended
from headrace.wire.codec import LARGE_BYTES, decode_message
from headrace_harness.outputs import OUTCOME_FILE, OUTPUT_FOLDER

logger = logging.getLogger(__name__)

FRAME_BYTES = 4 << 20
"""What a report may have beside the values of outputs: names, files, a message."""
_OF_THE_SERVER = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)

_STEPS = {
    "forked": "did not begin, having been forked",
    "told": "was still copying the folder and the input files",
}


async def read_outcome(call: Call, ended: Ended) -> Outcome:
    """Return the outcome of a call whose process has ended."""
    if ended.lost is not None or ended.refusal is not None or ended.exit is None:
        return Failure(FailureKind.WORKER_LOST, _lost_message(call, ended))
    if ended.over_memory:
        limit = call.limits.memory_bytes or 0
        return Failure(
            FailureKind.OUT_OF_MEMORY,
            f"{call.code.function_name}() used more memory than its limit of "
            f"{limit / 2**20:,.0f} MiB.",
        )
    if ended.overdue is not None:
        return _overdue(call, ended.overdue)
    report = call.workspace / OUTCOME_FILE
    try:
        size = report.stat().st_size
    except OSError:
        return Failure(FailureKind.EXITED, _exit_message(call, ended.exit))
    if ended.exit != 0:
        return Failure(FailureKind.EXITED, _exit_message(call, ended.exit))
    if size > call.limits.output_bytes + FRAME_BYTES:
        # The harness has checked it, so user code has put something else in its place.
        return Failure(FailureKind.BAD_OUTPUT, f"What the call left is too large: {size:,} bytes.")
    return await _read_in_spite(call, report, is_large=size > LARGE_BYTES)


async def _read_in_spite(call: Call, report: Path, *, is_large: bool) -> Outcome:
    """Read a report, again if the server was out of something."""
    for pause in _PAUSES_S:
        try:
            if is_large:
                return await asyncio.to_thread(_read, call, report)
            return _read(call, report)
        except OSError as error:
            logger.warning("what %s left cannot be read yet: %s", call.execution_id, error)
        await asyncio.sleep(pause)
    # The code has done its part, so it is no failure of its own.
    return Failure(
        FailureKind.WORKER_LOST,
        f"{call.code.function_name}() has ended, but the server could not read what it left: it "
        "was out of file descriptors or memory, or its disk failed; the reason is in its log.",
    )


def _read(call: Call, report: Path) -> Outcome:
    """Return the outcome that a report tells.

    Raises:
        OSError: The server cannot read it now, which says nothing of the call.
    """
    try:
        found = decode_message(report.read_bytes(), "the report")
        if "kind" in found:
            return Failure(FailureKind(found["kind"]), found["message"])
        files = {
            name: output_file(call.workspace, call.outputs, name, file)
            for name, file in found["files"].items()
        }
        return Returned(found["values"], files)
    except InvalidRequest as error:
        return Failure(
            FailureKind.BAD_OUTPUT, f"What the call left cannot be used: {error.message}"
        )
    except OSError as error:
        if error.errno in _OF_THE_SERVER:
            raise
        return Failure(FailureKind.BAD_OUTPUT, f"What the call left could not be read: {error}.")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Failure(FailureKind.BAD_OUTPUT, f"What the call left could not be read: {error}.")


def output_file(
    workspace: Path, outputs: Collection[str], name: str, file: Mapping[str, Any]
) -> OutputFile:
    """Return an output file, having made sure that user code put nothing else in its place.

    Raises:
        OSError: It is not there.
        ValueError: It is something else, or somewhere else.
    """
    folder = workspace / OUTPUT_FOLDER
    path = folder / name / file["filename"]
    if path.parent.parent != folder or path.name != file["filename"] or name not in outputs:
        raise ValueError(f"the output {name!r} is outside its folder")
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"the output {name!r} is no regular file")
    return OutputFile(path, file["filename"], found.st_size)


def _overdue(call: Call, step: str) -> Failure:
    if step == "importing":
        message = f"Importing {call.code.function_path} took too long, and was ended."
        return Failure(FailureKind.TIMEOUT, message)
    where = _STEPS.get(step, step)
    message = (
        f"{call.code.function_name}() was not called in time: its process {where}. Its log has the "
        "stack."
    )
    return Failure(FailureKind.WORKER_LOST, message)


def _lost_message(call: Call, ended: Ended) -> str:
    if ended.refusal is not None:
        return ended.refusal
    return (
        f"The template process of {call.code.function_path} {ended.lost} while "
        f"{call.code.function_name}() ran; the call was stopped with it."
    )


def _exit_message(call: Call, status: int) -> str:
    if status == -signal.SIGKILL:
        return (
            f"The process {describe_exit(status)}; on Linux this often means that the machine "
            "ran out of memory."
        )
    if status < 0:
        return f"The process {describe_exit(status)}."
    name = call.code.function_name
    return f"The process {describe_exit(status)} before the result of {name}() was complete."
