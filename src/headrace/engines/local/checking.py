"""Whether a function exists and takes its inputs, asked of the interpreter that will run it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import headrace_harness
from headrace.engines.local.process import describe_exit

_TIMEOUT_S = 20.0


async def check_function(
    python: Path, folder: Path, function_path: str, function_name: str, inputs: Sequence[str]
) -> str | None:
    """Return the reason why a function cannot be called, or None if none can be seen.

    User code is parsed, never run.

    Args:
        python: Interpreter that will run the function.
        folder: The pipeline's folder.
        function_path: File of the function, relative to the folder.
        function_name: Name of the function in that file.
        inputs: Names of the declared inputs.
    """
    script = Path(headrace_harness.__file__).with_name("check.py")
    try:
        # In a thread, not as a process of asyncio's: uvloop runs Python between fork and exec.
        asked = [str(folder), function_path, function_name, json.dumps(list(inputs))]
        done = await asyncio.to_thread(_run, [str(python), "-I", "-S", "-B", str(script), *asked])
    except (OSError, ValueError) as error:
        return f"{function_path} could not be checked: {python} could not be started ({error})."
    except subprocess.TimeoutExpired:
        return f"{function_path} could not be read by Python within {_TIMEOUT_S:g} s."
    if done.returncode != 0:
        how = describe_exit(done.returncode)
        return f"{function_path} could not be checked: Python {how} when it read it."
    problem: str | None = json.loads(done.stdout).get("problem")
    return problem


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        timeout=_TIMEOUT_S,
        check=False,
    )
