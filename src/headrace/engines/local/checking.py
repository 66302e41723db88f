"""Whether a function exists and takes its inputs, asked of the interpreter that will run it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import headrace_harness
from headrace.engines.local.process import describe_exit

_TIMEOUT_S = 20.0


async def check_function(
    python: Path, folder: Path, function_path: str, function_name: str, inputs: Sequence[str]
) -> str | None:
    """Return what keeps a function from being called, or None if nothing can be seen.

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
        process = await asyncio.create_subprocess_exec(
            *(python, "-I", "-S", "-B", script, folder, function_path, function_name),
            json.dumps(list(inputs)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    except (OSError, ValueError) as error:
        return f"{function_path} could not be checked: {python} could not be started ({error})."
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            printed, _ = await process.communicate()
    except TimeoutError:
        return f"{function_path} could not be read by Python within {_TIMEOUT_S:g} s."
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        how = describe_exit(process.returncode or 0)
        return f"{function_path} could not be checked: Python {how} when it read it."
    problem: str | None = json.loads(printed).get("problem")
    return problem
