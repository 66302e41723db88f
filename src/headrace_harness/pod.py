"""How a pod starts: beside its guardian it imports user code once, says so, and takes calls."""

from __future__ import annotations

from typing import NoReturn

from headrace_harness import denials, loading, native, processes, shadows, sinks, tracebacks
from headrace_harness.board import Board
from headrace_harness.confinement import Bounds, Confinement, enter
from headrace_harness.copying import attach, copy_folder
from headrace_harness.ending import end_like_an_interpreter
from headrace_harness.failing import ENVIRONMENT, Failed
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.guardian import Guardian, GuardianEnds
from headrace_harness.lanes import Lane, SequentialLane
from headrace_harness.last_words import LastWords
from headrace_harness.pod_calls import Function
from headrace_harness.scope import Scope
from headrace_harness.shared_logs import PodLog
from headrace_harness.sinks import NativeOutput, Sink
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import _thread, contextlib, gc, os, socket

_RECEIVE_BYTES = 65536


def guard(
    control: socket.socket,
    frames: FrameReader,
    setup: Message,
    more: list[Message],
    calls: socket.socket,
    stacks: Stacks,
) -> None:
    """Fork the process that becomes the pod, and be its guardian until it has ended.

    Args:
        control: To the engine.
        frames: Reads from it.
        setup: What the engine said first.
        more: What it has said since.
        calls: On which calls come.
        stacks: Where the pod writes its stacks when it hangs.
    """
    line, pod_line = socket.socketpair()
    settling, pod_settling = socket.socketpair()
    out, pod_out = os.pipe()
    err, pod_err = os.pipe()
    board, words = Board(), LastWords()
    guardian = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            processes.die_with_parent(guardian)
            os.setsid()
            processes.offer_to_the_oom_killer()
            for end in (control, line, settling):
                end.close()
            os.close(out)
            os.close(err)
            os.dup2(pod_out, 1)
            os.dup2(pod_err, 2)
            output = NativeOutput(board, (pod_out, pod_err), pod_settling)
            _Pod(setup, calls, pod_line, board, words, output).live()
        except BaseException as error:  # noqa: BLE001 - nothing may leave this process
            os.write(2, tracebacks.full_text(error).encode())
        finally:
            os._exit(1)
    for end in (calls, pod_line, pod_settling):
        end.close()
    os.close(pod_out)
    os.close(pod_err)
    # From here on the loop notices the end of the engine, and of the pod.
    processes.outlive_parent()
    ends = GuardianEnds(line, settling, out, err, board, words)
    Guardian(control, frames, pid, ends, setup, stacks).serve(more)


class _Pod:
    """The process that runs user code."""

    def __init__(
        self,
        setup: Message,
        calls: socket.socket,
        line: socket.socket,
        board: Board,
        words: LastWords,
        native: NativeOutput,
    ) -> None:
        self._setup = setup
        self._calls = calls
        self._line = line
        self._board = board
        self._words = words
        self._native = native

    def live(self) -> NoReturn:
        """Import, serve, and end like an interpreter; never return."""
        setup = self._setup
        confinement = enter(Bounds.read(setup["bounds"]))
        confinement.seal()
        denials.explain_for(confinement)
        native.buffer_nothing()
        log = PodLog(setup["pod_log"], setup["pod_id"], setup["pod_log_bytes"])
        outside = Sink(lambda: log, self._native.settle, words=self._words)
        scope = Scope(outside)
        scope.install()
        # Processes that user code forks must not speak for this one, nor keep its sockets open.
        os.register_at_fork(after_in_child=self._let_go)
        try:
            lane = self._import(scope, confinement)
        except Failed as failed:
            self._say({"op": "failed", "kind": failed.kind, "message": failed.message})
        else:
            gc.collect()
            gc.freeze()
            # One of the system's, whatever user code has put in the place of threads.
            _thread.start_new_thread(self._attend, (lane,))
            self._say({"op": "ready", "is_async": lane.function.is_async})
            lane.serve()
        end_like_an_interpreter()
        outside.close()
        os._exit(0)

    def _import(self, scope: Scope, confinement: Confinement) -> Lane:
        setup = self._setup
        work, path = setup["work"], setup["function_path"]
        try:
            copy_folder(setup["folder"], work)
            attach(work, setup.get("attached", {}), confinement.forbids)
            os.chdir(work)
        except OSError as error:
            message = f"The pipeline's folder could not be copied: {error}."
            raise Failed(ENVIRONMENT, message) from None
        loading.prepare_interpreter(work, path)
        module = loading.load_module(work, path)
        found = loading.find_function(module, path, setup["function"])
        lane: Lane

        def send(data: bytes) -> None:
            lane.send(data)

        function = Function(found, setup, scope, send=send, settle=self._settle)
        is_parallel = setup["max_parallel"] is not None
        shared = self._calls, function, self._board, self._native
        if function.is_async:
            with shadows.lifted():
                from headrace_harness.loop_lane import LoopLane

            lane = LoopLane(*shared, is_parallel=is_parallel)
        elif is_parallel:
            from headrace_harness.thread_lane import ThreadLane

            lane = ThreadLane(*shared)
        else:
            lane = SequentialLane(*shared)
        return lane

    def _settle(self) -> None:
        # If several calls run at once, native output is none of theirs, so nobody waits for it.
        if self._setup["max_parallel"] is None:
            self._native.settle()

    def _attend(self, lane: Lane) -> None:
        """Listen, in a thread, to what cannot wait for user code: proof that the pod is well."""
        frames = FrameReader()
        while True:
            try:
                data = self._line.recv(_RECEIVE_BYTES)
            except OSError:
                return
            if not data:
                return
            for message in frames.feed(data):
                if message["op"] == "look":
                    self._say({"op": "well"})
                elif message["op"] == "stop":
                    lane.stop(message["number"])
                elif message["op"] == "withdraw":
                    lane.withdraw(message["numbers"])
                else:
                    lane.grant(message["number"], message["size"])

    def _say(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            self._line.sendall(encode_frame(message))

    def _let_go(self) -> None:
        sinks.renew_lock()
        self._board.part()
        self._words.part()
        self._native.forget()
        self._calls.close()
        self._line.close()
