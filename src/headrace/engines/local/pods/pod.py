"""One pod as the engine sees it: its start, its health and its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from headrace.core.calls import Material
from headrace.core.credentials import Issue
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodCall, PodPlan, PodStatus, PodView
from headrace.engines.local.pods.health import Health
from headrace.engines.local.pods.pace import Pace
from headrace.engines.local.pods.probing import lines_of_probe, why_it_fails
from headrace.engines.local.pods.process import PodProcess
from headrace.engines.local.pods.sent import SentCalls
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.local.pods.ticket import Ticket
from headrace.engines.local.process import import_failure, output_in, unusable_interpreter
from headrace_harness.frames import Message

_UNTRIED = Failure(FailureKind.WORKER_LOST, "The pod ended before it could make its probe.")


class PodOwner(Protocol):
    """Who keeps a pod."""

    def note_room(self) -> None:
        """Take note that a pod can be sent more calls, or that one has fewer."""
        ...

    def take_back(self, tickets: list[Ticket]) -> None:
        """Take calls that a pod was sent and has not begun; they are older than all that wait."""
        ...

    def note_look(self, pod: Pod) -> None:
        """Take note that a pod was seen, and is well."""
        ...

    def note_closing(self, pod: Pod) -> None:
        """Take note that a pod takes no more calls."""
        ...

    def note_end(self, pod: Pod, how: str) -> None:
        """Take note that a pod has ended, and what it ran with it."""
        ...


class Pod:
    """A warm process with the calls that it was sent.

    Attributes:
        plan: What it was started for.
        calls: Its calls.
        health: How it is.
        is_open: Whether it takes calls.
        is_leaving: Whether another one is about to take its place.
        was_up: Whether it ever took calls.
        is_to_end: Whether its end is the engine's own doing.
        probe_said: What its probe has printed, if it did not pass.
    """

    def __init__(
        self,
        plan: PodPlan,
        material: Material,
        folder: Path,
        settings: PodSettings,
        owner: PodOwner,
        issue: Issue,
    ) -> None:
        self.plan = plan
        self.health = Health(settings)
        self.is_open = False
        self.is_leaving = False
        self.was_up = False
        self.is_to_end = False
        self.probe_said: list[str] = []
        self._settings = settings
        self._owner = owner
        self._material = material
        self._issue = issue
        self._loop = asyncio.get_running_loop()
        self._process = PodProcess(folder, settings, self)
        self.calls = SentCalls(plan, settings, self._process, self)
        self._answer: asyncio.Future[Message] = self._loop.create_future()
        self._has_come_up = False
        self._up_since = 0.0
        self._doom: Failure | None = None
        self._is_hanging = False

    @property
    def id(self) -> str:
        """Its id."""
        return self._process.id

    @property
    def pid(self) -> int:
        """Root of its processes; 0 if it was not started."""
        return self._process.pid

    @property
    def ended(self) -> asyncio.Event:
        """Set when nothing of it is left."""
        return self._process.ended

    @property
    def lived_s(self) -> float:
        """Seconds since it was up; 0 if it never was."""
        return self._loop.time() - self._up_since if self.was_up else 0.0

    def adopt(self, plan: PodPlan) -> None:
        """Keep to the limits of another plan, which this pod fits."""
        self.plan = self.calls.plan = plan

    def view(self) -> PodView:
        """Return what is to be seen of it."""
        return PodView(self.id, PodStatus.UP if self.is_open else PodStatus.CREATION_PENDING)

    async def start(self) -> Failure | None:
        """Start it; return when it takes calls, or why it never will."""
        plan = self.plan
        limit_s = self._settings.patience.start_s
        try:
            async with asyncio.timeout(limit_s):
                await self._process.launch(plan, self._material, self._issue)
                answer = await self._answer
        except TimeoutError:
            answer = {"op": "slow", "limit_s": limit_s}
            self._process.kill(is_hanging=True)
        except (OSError, ValueError) as error:
            return unusable_interpreter(self._material.python, str(error))
        except asyncio.CancelledError:
            self.end_now()
            raise
        if answer["op"] != "ready":
            self.end_now()
            said = answer.get("said", [])
            return import_failure(plan.code, self._material.python, answer, said)
        self.health.memory_bytes = answer["memory_bytes"]
        if plan.ram_bytes is not None and self.health.memory_bytes > plan.ram_bytes:
            self.end_now()
            return Failure(
                FailureKind.OUT_OF_MEMORY,
                f"After the import of {plan.code.function_path} the pod uses "
                f"{mebibytes(self.health.memory_bytes)}, but it may use no more than "
                f"{mebibytes(plan.ram_bytes)}.",
            )
        self.calls.can_time_out = answer["is_async"] or plan.max_parallel is not None
        self._process.credential.serving = 1
        if plan.probe is not None and (failure := await self._try(plan.probe)) is not None:
            return failure
        self.is_open = self.was_up = True
        self._up_since = self._loop.time()
        return None

    async def _try(self, probe: PodCall) -> Failure | None:
        """Have it make its probe; return why it does not pass, it being about to end."""
        folder, limit_s = self._process.folder, self._settings.patience.start_s
        failure: Failure | None = _UNTRIED
        try:
            failure = await why_it_fails(probe, self.calls, folder, limit_s)
        finally:
            if failure is not None:
                self.probe_said = lines_of_probe(folder)
                self.end_now()
        # The first call may take longer than all others.
        self.calls.pace = Pace()
        return failure

    def look(self) -> None:
        """Ask how it is."""
        why = self.health.note_look()
        if why is None:
            self._process.look({"op": "look", "memory_bytes": self.plan.ram_bytes})
        else:
            self._doom = self._doom or self._lost(f"was ended because {why}")
            self._process.kill(with_guardian=True)

    def end(self) -> None:
        """Have it end by itself; nothing that somebody waits for may run in it."""
        self.is_to_end = True
        self._process.end()

    def end_now(self, doom: Failure | None = None) -> None:
        """Kill it because the engine wants it gone; ``doom`` is the outcome of what it runs."""
        self.is_to_end = True
        self.kill(doom)

    def kill(self, doom: Failure | None = None) -> None:
        """Kill it; ``doom`` is the outcome of what it runs."""
        if self._doom is None:
            self._doom = doom
        self._process.kill()

    def hear(self, message: Message) -> None:
        """Take a message about the pod itself."""
        if message["op"] == "up":
            self._has_come_up = True
        elif message["op"] == "seen":
            why = self.health.note_answer(message)
            if why is not None:
                self._doom = self._doom or self._lost(f"was ended because {why}")
                self._is_hanging = True
                self._process.kill(is_hanging=True)
            elif self.is_open:
                self._owner.note_look(self)
        elif not self._answer.done():
            self._answer.set_result(message)

    def hear_bodies(self, bodies: list[bytes]) -> None:
        """Take messages about calls."""
        # The signal that asks a pod for its stack may end what it hangs in, such as a sleep.
        if not self._is_hanging:
            self.calls.take(bodies)

    def note_closing(self) -> None:
        """Take no more calls."""
        self.is_open = False
        # A plain call that is told to end takes its pod with it.
        self.is_to_end = self.is_to_end or self.calls.is_any_stopping
        self._owner.note_closing(self)

    async def note_end(self, how: str, started: int | None) -> None:
        """Conclude all calls, and tell the owner."""
        self.is_open = False
        doom = self._doom or self._lost(how)
        await self.calls.conclude(started, doom)
        if not self._answer.done():
            # Read now, because its folder is about to go.
            said = output_in(self._process.folder)
            self._answer.set_result(
                {"op": "died", "up": self._has_come_up, "how": how, "said": said}
            )
        self._owner.note_end(self, how)

    def note_room(self) -> None:
        """Pass on that it can be sent more."""
        self._owner.note_room()

    def take_back(self, tickets: list[Ticket]) -> None:
        """Pass on calls that it has not begun."""
        if self.was_up:
            self._owner.take_back(tickets)
        else:
            # Its probe is for no other pod.
            for ticket in tickets:
                ticket.resolve(_UNTRIED)

    def kill_for_call(self) -> None:
        """Kill it to end the one call that runs in it."""
        self.end_now()

    def _lost(self, how: str) -> Failure:
        name = self.plan.code.function_name
        return Failure(FailureKind.WORKER_LOST, f"The pod {how} while {name}() ran.")


def mebibytes(size: int) -> str:
    """Return a size for a person."""
    return f"{size / 2**20:,.0f} MiB"
