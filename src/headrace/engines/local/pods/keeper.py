"""Keeps as many pods as a plan asks for: starts, replaces and retires them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan, PodSetState, PodStatus
from headrace.engines.local.pods.backoff import Backoff
from headrace.engines.local.pods.nursery import Ground, Nursery
from headrace.engines.local.pods.pod import Pod, mebibytes
from headrace.engines.local.pods.queue import Queue
from headrace.engines.local.pods.roster import Roster
from headrace.engines.local.pods.ticket import Ticket

_FAR_OVER = 1.5
RETIRED = Failure(FailureKind.CANCELLED, "The deployment was disabled, changed or deleted.")


class Keeper:
    """The pods of one deployment, and the queue in front of them.

    Attributes:
        plan: What the pods are for.
        queue: Calls for them.
        is_retired: Whether they end, and take no calls.
    """

    def __init__(self, plan: PodPlan, ground: Ground) -> None:
        self.plan = plan
        self._nursery = Nursery(ground, self)
        self._pods = Roster()
        self._open = self._pods.open
        self._refills: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(ground.settings)
        self._quiet = asyncio.Event()
        self._phase = PodStatus.CREATION_PENDING
        self._failure: Failure | None = None
        self.is_retired = self._is_draining = False
        self.queue = Queue(
            plan,
            self._open,
            stall_s=ground.settings.stream_stall_s,
            on_wait=self._wake,
            on_quiet=self._quiet.set,
        )

    @property
    def is_serving(self) -> bool:
        """Whether calls are answered now, or once a pod has woken or was started again."""
        return bool(self._open) or self._phase in {PodStatus.UP, PodStatus.STANDBY}

    def state(self) -> PodSetState:
        """Return what is to be seen of the pods."""
        status = self._phase
        if self._open:
            status = PodStatus.UP
        elif status is PodStatus.UP:
            status = PodStatus.DOWN_RETRYING
        return PodSetState(
            status,
            tuple(pod.view() for pod in [*self._open, *self._nursery.starting]),
            running=self._pods.running,
            waiting=self._waiting,
            failure=self._failure,
        )

    async def deploy(self, plan: PodPlan) -> Failure | None:
        """Have the pods do what a plan says that they fit; return why they are not up, if so."""
        if self.is_retired:
            return RETIRED
        sleeps_on = self._phase is PodStatus.STANDBY and plan.idle_timeout_s is not None
        if not self._open and not sleeps_on:
            return await self._start_all(plan)
        self.adopt(plan)
        if self._refills:
            await asyncio.wait(set(self._refills))
        return None

    def adopt(self, plan: PodPlan) -> None:
        """Keep to the limits and the number of pods of another plan, which the pods fit."""
        self.plan = self.queue.plan = plan
        for pod in self._open:
            pod.adopt(plan)
        self._pods.trim(plan.count)
        self.queue.hand_out()
        self._refill()

    async def drain(self) -> None:
        """Have the calls answered that there are, then end; return when nothing is left."""
        self._is_draining = True
        self._refill()
        self.note_room()
        while self.queue.count:
            self._quiet.clear()
            await self._quiet.wait()
        await self.retire(0)

    async def retire(self, grace_s: float, failure: Failure = RETIRED) -> None:
        """End all pods; calls that run have ``grace_s`` seconds, those that wait end now."""
        self.is_retired, self.queue.refusal = True, failure
        self.queue.fail_waiting(failure)
        self._cancel_refills()
        for pod in self._nursery.living - {*self._pods.all}:
            pod.end_now()
        self._quiet.clear()
        if self.queue.count and grace_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._quiet.wait()
        for pod in self._pods.all:
            if pod.calls.waited_for:
                pod.end_now(failure)
            else:
                pod.end()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._nursery.wait_until_empty()

    def look(self, now: float) -> None:
        """Ask all pods how they are; let them go if nobody has called for long."""
        for pod in self._pods.all:
            pod.look()
        idle_s = self.plan.idle_timeout_s
        if idle_s is None or not self._open or self.queue.count:
            return
        if now - self.queue.quiet_since >= idle_s:
            self._phase = PodStatus.STANDBY
            self._cancel_refills()
            for pod in list(self._open):
                self._nursery.say(pod, f"ends: nobody called for {idle_s:g} s")
                self._pods.let_leave(pod)

    # What follows is told by the pods.

    def note_room(self) -> None:
        """Hand out what waits; end the pods that have finished."""
        self.queue.hand_out()
        if self._is_draining and not self._waiting:
            self._pods.let_idle_leave()
        if self._pods.leaving:
            self._pods.end_finished()

    def take_back(self, tickets: list[Ticket]) -> None:
        """Give calls that a pod has not begun to another one."""
        self.queue.take_back(tickets)
        if self._is_draining:
            self._refill()

    def note_look(self, pod: Pod) -> None:
        """Replace a pod that uses too much memory, or that has no slot left."""
        limit, memory = self.plan.ram_bytes, pod.health.memory_bytes
        if limit is not None and memory > limit:
            said = f"{mebibytes(memory)} of memory, of {mebibytes(limit)} that it may use"
            if memory > limit * _FAR_OVER:
                name = self.plan.code.function_name
                message = f"The pod used {said}, while {name}() ran."
                pod.kill(Failure(FailureKind.OUT_OF_MEMORY, message))
            else:
                self._replace(pod, f"uses {said}")
        elif pod.calls.is_stuck:
            self._replace(pod, "has no slot left: calls that were given up go on in all of them")

    def note_closing(self, pod: Pod) -> None:
        """Start another pod in place of one that is gone."""
        if pod not in self._open:
            return
        self._open.remove(pod)
        if not pod.is_to_end:
            self._backoff.note_end(pod.lived_s)
        self._refill()

    def note_end(self, pod: Pod, how: str) -> None:
        """Say that a pod has ended."""
        self._pods.forget(pod)
        if pod.was_up:
            self._nursery.say(pod, "has ended" if pod.is_to_end else f"was lost: it {how}")

    @property
    def _waiting(self) -> int:
        """Calls that have not begun."""
        return max(0, self.queue.count - self._pods.running)

    @property
    def _wanted(self) -> int:
        """How many pods there should be now."""
        if self._is_draining:
            return min(1, self._waiting)
        is_asleep = self._phase is PodStatus.STANDBY and not self.queue.count
        return self.plan.count if self.is_serving and not is_asleep else 0

    async def _start_all(self, plan: PodPlan) -> Failure | None:
        """Start all pods of a plan, there being none."""
        self._cancel_refills()
        if self._phase is PodStatus.CREATION_FAILED:
            self._phase = PodStatus.CREATION_PENDING
            self.queue.refusal = None
        new = await self._nursery.start_all(plan)
        if isinstance(new, Failure):
            self._note_failure(new)
            if self._phase is PodStatus.CREATION_PENDING:
                self._phase, self.queue.refusal = PodStatus.CREATION_FAILED, new
            self._refill()
            return new
        if self.is_retired:
            for pod in new:
                pod.end_now()
            return RETIRED
        self._backoff.forgive()
        self._phase = PodStatus.UP
        self._failure = None
        self._open.extend(pod for pod in new if pod.is_open)
        self.adopt(plan)
        return None

    def _wake(self) -> None:
        """Start pods again for a call that found none."""
        if self._is_draining or self._phase is PodStatus.STANDBY:
            self._refill()

    def _refill(self) -> None:
        """Start what is missing, after the delay that the last ends ask for."""
        if self.is_retired:
            return
        for _ in range(self._wanted - len(self._open) - len(self._refills)):
            self._refills.add(self._spawn(self._start_later(self._backoff.delay_s)))

    async def _start_later(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        found = await self._nursery.start(self.plan)
        self._refills.discard(_this_task())
        if isinstance(found, Pod):
            self._join(found)
            return
        self._note_failure(found)
        # Of a pod that was to wake up, the next call makes the next try.
        if self._phase is PodStatus.UP:
            self._backoff.note_end(0)
            self._refill()

    def _note_failure(self, failure: Failure) -> None:
        self._failure = failure
        if not self._open:
            self.queue.fail_waiting(failure)

    def _join(self, pod: Pod) -> None:
        """Have a pod that was just started take calls."""
        if self.is_retired or not self.plan.fits(pod.plan):
            pod.end_now()
        elif pod.is_open:
            pod.adopt(self.plan)
            self._failure = None
            self._phase = PodStatus.UP
            self._open.append(pod)
            self._pods.trim(self.plan.count)
            self.queue.hand_out()

    def _replace(self, pod: Pod, why: str) -> None:
        """Have another pod take the place of one, which finishes what it has."""
        if not pod.is_leaving and pod in self._open:
            pod.is_leaving = True
            self._backoff.note_end(pod.lived_s)
            self._nursery.say(pod, f"is to be replaced: it {why}")
            self._spawn(self._replace_later(pod, self._backoff.delay_s))

    async def _replace_later(self, pod: Pod, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        if pod not in self._open or self.is_retired:
            return
        found = await self._nursery.start(self.plan)
        if isinstance(found, Pod):
            self._join(found)
        else:
            self._note_failure(found)
            pod.is_leaving = False

    def _cancel_refills(self) -> None:
        for task in list(self._refills):
            task.cancel()
        self._refills.clear()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("not in a task")
    return task
