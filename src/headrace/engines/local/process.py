"""The operating system's side of a template: how its process is started, and how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.core.calls import Code
from headrace.engines.local.environ import template_environ

Preface = list[tuple[str, str]]
"""Lines for the start of a log: the stream's letter and the text, which may have several lines."""

_EXIT_PATIENCE_S = 10.0
_SHOWN_OUTPUT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """All that is needed to start a template.

    Attributes:
        code: What it serves.
        variables: Environment variables of user code.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        folder: Folder for the template's own files; it is removed when the template ends.
        engine_id: Mark of the engine's processes.
        log_bytes: What the log of one call may hold.
        bare: Whether each call imports user code anew, because it cannot be forked.
    """

    code: Code
    variables: Mapping[str, str]
    harness_dir: Path
    folder: Path
    engine_id: str
    log_bytes: int
    bare: bool

    def import_output(self) -> Preface:
        """Return what was printed while the template started."""
        preface = []
        for letter, name in (("o", "out"), ("e", "err")):
            with contextlib.suppress(OSError), (self.folder / name).open("rb") as file:
                text = file.read(_SHOWN_OUTPUT_BYTES).decode("utf-8", "replace").rstrip("\n")
                if text:
                    preface.append((letter, text))
        return preface

    def discard_folder(self) -> None:
        """Remove the template's own files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def spawn(plan: TemplatePlan, template_id: str, end: socket.socket) -> subprocess.Popen[bytes]:
    """Start a template's process, which inherits ``end`` to talk to the engine.

    Call it in a thread that lives as long as the engine: the kernel ends the template with it
    while user code is imported.

    Raises:
        OSError: The interpreter cannot be run.
        ValueError: A variable has a name or value that no environment can hold.
    """
    program = plan.harness_dir / "headrace_harness" / "__main__.py"
    python = plan.code.python
    with (plan.folder / "out").open("wb") as out, (plan.folder / "err").open("wb") as err:
        return subprocess.Popen(
            [python, program, str(end.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=plan.folder,
            env=template_environ(
                python, plan.variables, engine_id=plan.engine_id, template_id=template_id
            ),
            pass_fds=[end.fileno()],
            start_new_session=True,
        )


def await_exit(process: subprocess.Popen[bytes]) -> int:
    """Wait until a template that has been told to end has done so; return its status."""
    try:
        return process.wait(_EXIT_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def describe_exit(status: int) -> str:
    """Say how a process ended, given its exit status, or a signal's number below zero."""
    if status >= 0:
        return f"ended with status {status}"

    try:
        name = f" ({signal.Signals(-status).name})"
    except ValueError:
        name = ""
    return f"was killed by signal {-status}{name}"
