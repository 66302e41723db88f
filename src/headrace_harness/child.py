"""The process of one call, from the fork to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace_harness import calling, loading, outputs, processes, room, tracebacks
from headrace_harness.confinement import Confinement
from headrace_harness.copying import attach, copy_folder, copy_input
from headrace_harness.ending import end_like_an_interpreter
from headrace_harness.failing import ENVIRONMENT, USER_ERROR, Failed
from headrace_harness.forking import Randomness
from headrace_harness.frames import Message
from headrace_harness.imported import ImportedFiles
from headrace_harness.progress import CALLED, IMPORTING, Progress
from headrace_harness.restoring import Original
from headrace_harness.spare import Ends
from headrace_harness.stdlib import contextlib, gc, inspect, os, types

WORK_FOLDER = "work"
"""It is made first of all: where there is none, nothing of the user has begun."""


class Program:
    """What a template holds for its children.

    Attributes:
        folder: What each call gets a copy of: the pipeline's folder, or the template's own copy as
            the import has left it.
        function_path: File of its functions, relative to the folder.
        confinement: What keeps calls from changing what others read.
        attached: Files that belong in the copies of the folder, by their places in it.
        module: That file, imported; None if each child has to import it.
        randomness: The state of the generators before the fork; None if there is no module.
        files: What the import opened; None if there is no module.
        original: Keeps the folder that code is imported from, where the kernel does not.
    """

    def __init__(
        self,
        folder: str,
        function_path: str,
        confinement: Confinement,
        attached: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.attached = attached
        self.function_path = function_path
        self.confinement = confinement
        self.module: types.ModuleType | None = None
        self.randomness: Randomness | None = None
        self.files: ImportedFiles | None = None
        self.original: Original | None = None
        self.collects_garbage = True
        self._typed: dict[str, Any] = {}

    def typed(self, function: Callable[..., Any], name: str) -> Any:
        """Return the hints of a function (:class:`headrace_harness.typed.TypedFunction`).

        They are evaluated once in this process: for those that a template knows of, before it
        forks.

        Raises:
            Failed: They cannot be evaluated.
        """
        found = self._typed.get(name)
        if found is None:
            from headrace_harness.typed import TypedFunction

            try:
                found = TypedFunction(function, self.function_path, name)
            except Failed as failed:
                found = failed
            self._typed[name] = found
        if isinstance(found, Failed):
            raise found
        return found

    def type_all(self) -> dict[str, str]:
        """Evaluate the hints of all functions of the module; return what is wrong with which."""
        found = {} if self.module is None else dict(vars(self.module))
        for name, value in found.items():
            if inspect.isfunction(value) and value.__module__ == found.get("__name__"):
                with contextlib.suppress(Failed):
                    self.typed(value, name)
        return {
            name: found.message for name, found in self._typed.items() if isinstance(found, Failed)
        }


def run_call(program: Program, ends: Ends, *, parent: int) -> None:
    """Wait for a call in this freshly forked process, carry it out, leave by ``os._exit`` alone.

    Args:
        program: What the template has made ready.
        ends: Where to read of the call, and what becomes stdout and stderr.
        parent: Id of the template's process.
    """
    status = 1
    try:
        own_pid = os.getpid()
        _separate(parent, ends.out, ends.err)
        program.confinement.part()
        call = ends.read_order()
        if call is None:
            return
        report = _report(program, call, ends.progress)
        # What follows needs descriptors, and user code may have left none.
        room.take()
        end_like_an_interpreter()
        # A process that user code forked may return from the function too: it reports nothing.
        if os.getpid() == own_pid:
            outputs.write_report(report, call["workspace"])
            # Asked here, where it cannot be too late: once this process is gone, its orphans are
            # the template's, and nothing tells any more whose they were.
            if not processes.children_of(own_pid):
                ends.say_done()
        status = 0
    except BaseException as error:  # noqa: BLE001 - nothing may leave this function
        calling.print_error(tracebacks.full_text(error))
    finally:
        os._exit(status)


def _separate(parent: int, out: int, err: int) -> None:
    os.setsid()
    processes.die_with_parent(parent)
    processes.adopt_orphans()
    processes.offer_to_the_oom_killer()
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)


def _report(program: Program, call: Message, progress: Progress) -> str:
    try:
        arguments = _prepare(program, call)
        if program.collects_garbage:
            gc.enable()
        module = program.module
        if module is None:
            progress.step = IMPORTING
            work = os.path.join(call["workspace"], WORK_FOLDER)
            loading.prepare_interpreter(work, program.function_path)
            module = loading.load_module(work, program.function_path)
        if program.randomness is not None:
            program.randomness.renew()
        name = call["function"]
        function = loading.find_function(module, program.function_path, name)
        if call["absent"]:
            arguments = calling.completed(function, arguments, call["absent"])
        progress.step = CALLED
        typed = program.typed(function, name) if call["calling"] == calling.TYPED else None
        if typed is not None:
            arguments = typed.arguments(arguments, call["files"])
        returned = calling.call_function(
            function,
            arguments,
            program.function_path,
            name,
            has_outputs=bool(call["outputs"]),
            is_joined=typed is not None,
        )
        if typed is not None:
            returned = typed.returned(returned, call["outputs"])
        return outputs.collect(
            returned, call["outputs"], call["workspace"], name, call["output_bytes"]
        )
    except Failed as failed:
        return outputs.failed_report(failed)
    except BaseException as error:  # noqa: BLE001 - such as running out of memory
        calling.print_error(tracebacks.full_text(error))
        return outputs.failed_report(Failed(USER_ERROR, tracebacks.last_line(error)))


def _prepare(program: Program, call: Message) -> dict[str, Any]:
    """Make the call's own folder, environment and files; return the function's arguments.

    From then on ``call["workspace"]`` is where the call itself sees its workspace.
    """
    os.environ.update(call["identity"])
    loading.execution_id.set(call["execution_id"])
    try:
        if program.original is not None:
            program.original.restore()
        work = os.path.join(call["workspace"], WORK_FOLDER)
        copy_folder(program.folder, work)
        attach(work, program.attached, program.confinement.forbids)
        workspace = program.confinement.move_in(call["workspace"])
        call["workspace"] = workspace
        work = os.path.join(workspace, WORK_FOLDER)
        os.chdir(work)
        if program.files is not None:
            program.files.renew(work)
        files = {
            name: {"path": copy_input(workspace, name, file)}
            for name, file in call["files"].items()
        }
    except OSError as error:
        raise Failed(ENVIRONMENT, f"The call's folder could not be made: {error}.") from None
    return {**call["values"], **files}
