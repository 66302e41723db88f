"""How a template starts: import user code, see whether it can be forked, say so, and serve.

A pod begins in the same way and goes on in :mod:`headrace_harness.pod`.
"""

from __future__ import annotations

import sys

from headrace_harness import calling, denials, loading, native, processes, room
from headrace_harness.child import Program
from headrace_harness.confinement import NONE, Bounds, enter
from headrace_harness.copying import attach, copy_folder
from headrace_harness.failing import Failed
from headrace_harness.forking import Randomness, reason_not_to_fork, settle_memory
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.guards import TemplateGuard
from headrace_harness.imported import ImportedFiles
from headrace_harness.restoring import Original
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import gc, io, os, socket
from headrace_harness.template import Template

_RECEIVE_BYTES = 65536


def main(descriptor: int, parent: int) -> None:
    """Be what the engine at the other end of the inherited socket asks for; never return."""
    try:
        os.set_inheritable(descriptor, False)
        control = socket.socket(fileno=descriptor)
        processes.adopt_orphans()
        # Until the loop runs, nobody would notice the end of the engine.
        processes.die_with_parent(parent)
        room.keep()
        _send(control, {"op": "up"})
        _prepare_streams()
        # Before any fork: whoever is asked answers, and does not end by the signal.
        stacks = Stacks()
        stacks.register()
        frames = FrameReader()
        setup, *more = _receive(control, frames)
        calls = socket.socket(fileno=setup["calls"])
        os.set_inheritable(calls.fileno(), False)
        if setup["op"] == "pod":
            from headrace_harness import pod

            pod.guard(control, frames, setup, more, calls, stacks)
        else:
            _guard(control, frames, setup, more, calls, stacks)
    except EOFError:
        pass  # the engine has changed its mind
    finally:
        # Threads and exit callbacks of user code are the children's to run.
        _leave()


def _guard(
    control: socket.socket,
    frames: FrameReader,
    setup: Message,
    more: list[Message],
    calls: socket.socket,
    stacks: Stacks,
) -> None:
    """Fork the process that becomes the template, and be its guard until it has ended."""
    guard = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        processes.die_with_parent(guard)
        os.setsid()
        processes.adopt_orphans()
        _be_template(calls, setup, stacks)
        return
    calls.close()
    # From here on the loop notices the end of the engine, and of the template.
    processes.outlive_parent()
    TemplateGuard(control, frames, pid, stacks).serve(more)


def _be_template(calls: socket.socket, setup: Message, stacks: Stacks) -> None:
    """Import user code, say how that went, and carry out calls; return when there are no more."""
    confinement = enter(Bounds.read(setup["bounds"]))
    denials.explain_for(confinement)
    program = Program(
        setup["folder"], setup["function_path"], confinement, setup.get("attached", {})
    )
    answer: Message = {"op": "ready"} if setup["bare"] else _import(program, setup)
    for stream in (sys.stdout, sys.stderr):
        calling.flush(stream)
    # Or each fork would have a copy of what is left, and print it.
    native.flush()
    if answer["op"] != "ready":
        _send(calls, answer)
        return
    program.collects_garbage = gc.isenabled()
    settle_memory()
    # Measured here, before a fork halves this process's share of what it holds.
    answer["memory_bytes"] = processes.proportional(os.getpid())
    answer["pid"] = os.getpid()
    template = Template(calls, program, setup["log_bytes"], stacks)
    template.send(answer)
    template.serve()


def _leave() -> None:
    if sys.exc_info()[1] is not None:
        sys.excepthook(*sys.exc_info())
    for stream in (sys.__stdout__, sys.__stderr__):
        calling.flush(stream)
    os._exit(0)


def _import(program: Program, setup: Message) -> Message:
    """Import user code in a private copy of its folder; return the answer to the engine."""
    work = setup["work"]
    try:
        copy_folder(program.folder, work)
        attach(work, program.attached, program.confinement.forbids)
        os.chdir(work)
    except OSError as error:
        return _not_copied(error)
    # Copies of this one have them as links.
    program.folder, program.attached = work, {}
    loading.prepare_interpreter(work, program.function_path)
    randomness = Randomness()
    try:
        program.module = loading.load_module(work, program.function_path)
        if setup["typed"] is not None:
            name = setup["typed"]
            program.typed(loading.find_function(program.module, program.function_path, name), name)
    except Failed as failed:
        return {"op": "failed", "kind": failed.kind, "message": failed.message}
    loading.preload_for(program.module)
    randomness.notice()
    program.randomness = randomness
    program.files = ImportedFiles(work)
    if program.confinement.kind == NONE:
        try:
            program.original = Original(work, f"{work}.kept")
        except OSError as error:
            return _not_copied(error)
        program.folder = program.original.kept
    reason = reason_not_to_fork() or program.files.reason_not_to_fork
    if reason:
        return {"op": "unforkable", "reason": reason}
    return {"op": "ready", "unclear": program.type_all() if setup["typed"] is not None else {}}


def _not_copied(error: OSError) -> Message:
    message = f"The pipeline's folder could not be copied: {error}."
    return {"op": "failed", "kind": "environment", "message": message}


def _prepare_streams() -> None:
    """Make what user code prints appear line by line, and in UTF-8, whatever the locale."""
    native.buffer_lines()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")


def _send(control: socket.socket, message: Message) -> None:
    control.sendall(encode_frame(message))


def _receive(control: socket.socket, frames: FrameReader) -> list[Message]:
    """Return the first messages of the engine, one or more."""
    while True:
        data = control.recv(_RECEIVE_BYTES)
        if not data:
            raise EOFError
        messages = frames.feed(data)
        if messages:
            return messages
