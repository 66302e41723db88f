"""The operating system's side of a template: how its process is started, and how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.calls import Code, Material
from headrace.core.credentials import Issue, no_credential
from headrace.core.outcomes import Failure, FailureKind
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.environ import template_environ
from headrace.engines.local.hanging import Patience
from headrace.engines.local.metering import Meter
from headrace_harness.frames import Message

Preface = list[tuple[str, str]]
"""Lines for the start of a log: the stream's letter and the text, which may have several lines."""

_EXIT_PATIENCE_S = 10.0
_SHOWN_OUTPUT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """All that is needed to start a template.

    Attributes:
        code: What it serves.
        material: What it is started from.
        variables: Environment variables of user code.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        runtime_dir: The engine's folder.
        folder: Folder for the template's own files; it is removed when the template ends.
        engine_id: Mark of the engine's processes.
        log_bytes: What the log of one call may hold.
        bounds: Folders that user code may not change.
        bare: Whether each call imports user code anew, because it cannot be forked.
        issue: Gives the process its credential.
        patience: How long a start may take, and a template that does not answer.
        meter: Measures its calls.
    """

    code: Code
    material: Material
    variables: Mapping[str, str]
    harness_dir: Path
    runtime_dir: Path
    folder: Path
    engine_id: str
    log_bytes: int
    bounds: Bounds
    bare: bool
    issue: Issue = no_credential
    patience: Patience = field(default_factory=Patience)
    meter: Meter = field(default_factory=Meter)

    def import_output(self) -> Preface:
        """Return the output of the template's start."""
        return output_in(self.folder)

    def discard_folder(self) -> None:
        """Remove the template's own files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def spawn(
    plan: TemplatePlan,
    identity: Mapping[str, str],
    template_id: str,
    ends: Sequence[socket.socket],
) -> subprocess.Popen[bytes]:
    """Start a template's guard, which inherits ``ends`` to talk to the engine.

    Call it in a thread that lives as long as the engine: until the guard listens, the kernel ends
    it with that thread.

    Raises:
        OSError: The interpreter cannot be run.
        ValueError: A variable has a name or value that no environment can hold.
    """
    python = plan.material.python
    environ = template_environ(
        python, plan.variables, identity, engine_id=plan.engine_id, template_id=template_id
    )
    return launch(python, plan.harness_dir, plan.folder, environ, ends)


def launch(
    python: Path,
    harness_dir: Path,
    folder: Path,
    environ: Mapping[str, str],
    ends: Sequence[socket.socket],
) -> subprocess.Popen[bytes]:
    """Start the harness under an interpreter, in a session of its own.

    Args:
        python: The interpreter.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        folder: Where it starts; what it prints goes to the files ``out`` and ``err`` in it.
        environ: All its environment variables.
        ends: Sockets that it inherits; the engine is at the other end of the first one.

    Raises:
        OSError: The interpreter cannot be run.
        ValueError: A variable has a name or value that no environment can hold.
    """
    program = harness_dir / "headrace_harness" / "__main__.py"
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return subprocess.Popen(
            [python, program, str(ends[0].fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=environ,
            pass_fds=[end.fileno() for end in ends],
            start_new_session=True,
        )


def attached_message(material: Material) -> dict[str, str]:
    """Return what the harness is told of attached files: where they are, by their places."""
    return {path: str(place.absolute()) for path, place in material.attached.items()}


def output_in(folder: Path) -> Preface:
    """Return the output so far of a process that was launched in a folder."""
    preface = []
    for letter, name in (("o", "out"), ("e", "err")):
        with contextlib.suppress(OSError), (folder / name).open("rb") as file:
            text = file.read(_SHOWN_OUTPUT_BYTES).decode("utf-8", "replace").rstrip("\n")
            if text:
                preface.append((letter, text))
    return preface


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


def unusable_interpreter(python: Path, why: str) -> Failure:
    """Say that an interpreter cannot be started."""
    message = f"The interpreter {python} could not be started: {why}."
    return Failure(FailureKind.ENVIRONMENT, message)


def import_failure(code: Code, python: Path, answer: Message, preface: Preface) -> Failure:
    """Say why user code was not imported.

    Args:
        code: What was to be imported.
        python: The interpreter that was to import it.
        answer: ``failed``, ``slow`` or ``died``, as the start returned it.
        preface: What was printed meanwhile.
    """
    path = code.function_path
    if answer["op"] == "failed":
        return Failure(FailureKind(answer["kind"]), answer["message"])
    if answer["op"] == "slow":
        return slow_import(code, answer["limit_s"])
    if answer["up"]:
        message = f"The process {answer['how']} while it imported {path}."
        return Failure(FailureKind.EXITED, message)
    said = preface[-1][1].splitlines()[-1] if preface else f"it {answer['how']}"
    return unusable_interpreter(python, said.rstrip("."))


def slow_import(code: Code, limit_s: float | None) -> Failure:
    """Say that user code was not imported in time."""
    message = f"Importing {code.function_path} did not end within {limit_s or 0:g} s."
    return Failure(FailureKind.TIMEOUT, message)
