"""One call in a pod: from the engine's message to the report of its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

from headrace_harness import calling, loading, outputs, shadows, sinks, tracebacks
from headrace_harness.copying import copy_input
from headrace_harness.failing import (
    BAD_OUTPUT,
    CANCELLED,
    ENVIRONMENT,
    EXITED,
    USER_ERROR,
    Failed,
)
from headrace_harness.frames import Message
from headrace_harness.scope import Scope
from headrace_harness.shared_logs import SharedLog
from headrace_harness.sinks import Sink
from headrace_harness.stdlib import contextlib, functools, inspect, os
from headrace_harness.strays import Strays
from headrace_harness.streams import Stream


class OpenCall:
    """A call that this pod was told of.

    Attributes:
        number: The engine's number of it; later calls have higher ones.
        message: What the engine said.
        identity: Variables that say which execution it is.
        overlay: All variables that it alone has.
        log: Path of its log.
        is_over: Whether its outcome has been said.
        is_stopped: Whether the engine has asked for its end.
        is_unread: Whether nobody reads what it yields any more.
        stream: What it yields, once it does.
        task: Its task on the event loop, if it has one.
    """

    __slots__ = (
        "_open_sink",
        "_sink",
        "identity",
        "is_over",
        "is_stopped",
        "is_unread",
        "log",
        "message",
        "number",
        "overlay",
        "stream",
        "task",
    )

    def __init__(
        self,
        message: Message,
        constants: Mapping[str, str],
        id_names: Iterable[str],
        open_sink: Callable[[str], Sink],
    ) -> None:
        self.number: int = message["number"]
        self.message = message
        execution_id: str = message["id"]
        self.identity = dict.fromkeys(id_names, execution_id)
        self.overlay: dict[str, str] = {**constants, **self.identity}
        self.log: str = message["log"]
        self.is_over = False
        self.is_stopped = False
        self.is_unread = False
        self.stream: Optional[Stream] = None
        self.task: Any = None
        self._open_sink = open_sink
        self._sink: Optional[Sink] = None

    def sink(self) -> Sink:
        """Return what takes its output."""
        if self._sink is None:
            with sinks.lock():
                if self._sink is None:
                    self._sink = self._open_sink(self.log)
        return self._sink

    def finish(self) -> None:
        """Complete its log; what it prints from now on is no more its own."""
        self.is_over = True
        if self._sink is not None:
            self._sink.close()


class Function:
    """The user's function with all that its calls have in common.

    Attributes:
        scope: Knows whose output and variables these are.
        constants: Variables that all calls have.

    Args:
        setup: What the engine said of this pod.
        send: Sends a frame to the engine.
        settle: Returns when native output is in its log.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        setup: Message,
        scope: Scope,
        *,
        send: Callable[[bytes], None],
        settle: Callable[[], None],
    ) -> None:
        self.scope = scope
        self._function = function
        self._where: str = setup["function_path"]
        self._name: str = setup["function"]
        self._outputs: dict[str, str] = setup["outputs"]
        self.constants: dict[str, str] = setup["identity"]
        self._id_names: list[str] = setup["id_names"]
        self._output_bytes: int = setup["output_bytes"]
        self._log_bytes: int = setup["log_bytes"]
        self._send = send
        self._settle = settle
        self._strays = Strays()
        self._typed: Any = None
        if setup["calling"] == calling.TYPED:
            from headrace_harness.typed import TypedFunction

            self._typed = TypedFunction(function, self._where, self._name)

    @property
    def is_async(self) -> bool:
        """Whether it says of itself that it needs an event loop."""
        return any(
            inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found)
            for found in (self._function, type(self._function).__call__)
        )

    def open(self, message: Message) -> OpenCall:
        """Return the call that a message tells of."""
        return OpenCall(message, self.constants, self._id_names, self._open_sink)

    def run(self, call: OpenCall) -> str:
        """Carry out a call and return its report; never raises."""
        try:
            returned = self._enter(call)
            # Most return a dict; nothing else needs more than that.
            if type(returned) is not dict:
                if inspect.isgenerator(returned):
                    return self._join(call, returned)
                if inspect.isawaitable(returned) or inspect.isasyncgen(returned):
                    return self._strays.run(self._finish(call, returned))
            return self._collect(call, returned)
        except BaseException as error:  # noqa: BLE001 - user code: anything may be raised
            return self._report_of(error, call)

    async def run_async(self, call: OpenCall) -> str:
        """Carry out a call on the event loop and return its report; never raises."""
        try:
            returned = self._enter(call)
        except BaseException as error:  # noqa: BLE001 - as above
            return self._report_of(error, call)
        return await self._finish(call, returned)

    async def _finish(self, call: OpenCall, returned: Any) -> str:
        try:
            return await self._await(call, returned)
        except BaseException as error:  # noqa: BLE001 - as above, and cancelling
            return self._report_of(error, call)

    def _enter(self, call: OpenCall) -> Any:
        """Call the function in the present context, which is the call's own."""
        message = call.message
        loading.execution_id.set(message["id"])
        self.scope.enter(call)
        arguments = message["values"]
        files = message.get("files")
        if files:
            arguments = {**arguments, **self._copies(files, message["workspace"])}
        absent = message.get("absent")
        if absent:
            arguments = calling.completed(self._function, arguments, absent)
        if self._typed is not None:
            arguments = self._typed.arguments(arguments, files or ())
        try:
            return self._function(**arguments)
        except TypeError as error:
            # Raised by the call itself, not within the function: does it take other arguments?
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                calling.check_arguments(self._function, arguments, self._where, self._name)
            raise

    def _copies(self, files: Mapping[str, Any], workspace: str) -> dict[str, Any]:
        try:
            return {
                name: {"path": copy_input(workspace, name, file)} for name, file in files.items()
            }
        except OSError as error:
            raise Failed(ENVIRONMENT, f"The input files could not be copied: {error}.") from None

    async def _await(self, call: OpenCall, returned: Any) -> str:
        if inspect.isawaitable(returned):
            returned = await returned
        if inspect.isasyncgen(returned):
            stream = self._open_stream(call)
            try:
                async for item in returned:
                    await stream.push_async(item)
            finally:
                with contextlib.suppress(Exception):
                    await returned.aclose()
            return outputs.returned_report({stream.output: stream.text}, {})
        if inspect.isgenerator(returned):
            return await self._join_async(call, returned)
        return self._collect(call, returned)

    def _collect(self, call: OpenCall, returned: Any) -> str:
        workspace = call.message["workspace"]
        if self._typed is not None:
            returned = self._typed.returned(returned, self._outputs)
        return outputs.collect(returned, self._outputs, workspace, self._name, self._output_bytes)

    def _join(self, call: OpenCall, generator: Any) -> str:
        try:
            stream = self._open_stream(call)
            for item in generator:
                stream.push(item)
        finally:
            with contextlib.suppress(Exception):
                generator.close()
        return outputs.returned_report({stream.output: stream.text}, {})

    async def _join_async(self, call: OpenCall, generator: Any) -> str:
        with shadows.lifted():
            from asyncio import sleep

        try:
            stream = self._open_stream(call)
            for item in generator:
                await stream.push_async(item)
                # The generator may block the loop before the item is on its way.
                await sleep(0)
        finally:
            with contextlib.suppress(Exception):
                generator.close()
        return outputs.returned_report({stream.output: stream.text}, {})

    def _open_stream(self, call: OpenCall) -> Stream:
        if len(self._outputs) != 1 or next(iter(self._outputs.values())) not in {"array", "json"}:
            declared = ", ".join(f"{name} ({kind})" for name, kind in self._outputs.items())
            raise Failed(
                BAD_OUTPUT,
                f"{self._name}() yields items, so exactly one output of type array or json must be "
                f"declared, which becomes their list; declared is: {declared or 'none'}.",
            )
        stream = call.stream = Stream(
            call.number,
            self._name,
            next(iter(self._outputs)),
            is_wanted=call.message.get("stream", False),
            max_bytes=self._output_bytes,
            send=self._send,
        )
        # Asked after the stream can be found, or word of it might be missed.
        if call.is_unread or call.is_stopped:
            stream.grant(None)
        return stream

    def _report_of(self, error: BaseException, call: OpenCall) -> str:
        if call.is_stopped:
            return outputs.failed_report(Failed(CANCELLED, "The call was stopped."))
        if isinstance(error, Failed):
            return outputs.failed_report(error)
        if isinstance(error, SystemExit):
            if error.code in {None, 0} and not self._outputs:
                return outputs.returned_report({}, {})
            message = f"{self._name}() called sys.exit({error.code!r})."
            return outputs.failed_report(Failed(EXITED, message))
        calling.print_error(tracebacks.full_text(error))
        return outputs.failed_report(Failed(USER_ERROR, tracebacks.last_line(error)))

    def _open_sink(self, log: str) -> Sink:
        return Sink(
            functools.partial(SharedLog, log, self._log_bytes),
            self._settle,
            self.scope.outside,
            path=os.fsencode(log),
        )
