"""Writes the bytecode of an environment, at the lowest priority."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from headrace.environments.cache import interpreter_in
from headrace.environments.processes import run

# Files that do not compile (templates, code for other versions) are no failure: nobody imports
# them, or the import says why. The tests that packages bring along are left out, a large share
# of the work. The import system and compileall both write by renaming, so an execution that
# imports a package in the meantime does no harm and takes none.
_COMPILE = """\
import compileall, os, re, sys, sysconfig
os.nice(19)
packages, tests = sysconfig.get_path("purelib"), re.compile("/tests/")
compileall.compile_dir(packages, rx=tests, quiet=2, workers=int(sys.argv[1]))
"""
_WORKERS = 2


async def compile_bytecode(folder: Path, *, environ: Mapping[str, str], lock: int) -> bool:
    """Compile all packages of the environment in ``folder``; return whether it came to its end.

    Args:
        folder: The environment.
        environ: What the environment's interpreter is started with.
        lock: Descriptor of the environment's lock, which the interpreter inherits.
    """
    workers = min(_WORKERS, os.cpu_count() or 1)
    command: list[str | Path] = [interpreter_in(folder), "-I", "-c", _COMPILE, str(workers)]
    status = await run(command, cwd=folder, environ=environ, say=lambda _: None, keep_open=[lock])
    return status == 0
