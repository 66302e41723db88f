"""Clients that submit without pause, and write down what they were told."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from headrace.client.client import HeadraceSdk
from headrace.core.errors import HeadraceError, Unavailable
from headrace.local.private_server import PrivateServer
from headrace.selftest.work import FUNCTIONS, Endpoint

CALL_S = 60.0
GIVE_UP_S = 30.0
"""How long after the end a call is still repeated; what is not answered then never will be."""

CALL_PACE_S = 0.02
PAUSE_S = 0.05
SEE_OTHER = 303
TRY_AGAIN = frozenset({429, 503})
"""Statuses by which the server says that it could not take a call."""

NUMBERS_OF_ONE = 1_000_000_000
"""Each client counts in a range of its own, so that a number says whose it was."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told about one request.

    Attributes:
        number: What it sent; no other request has it.
        execution_id: The execution that it was told of; None if it got no answer at all.
        endpoint: Whether it called an endpoint.
        outcome: For an endpoint: the outputs, or the kind of the failure; None for a run.
    """

    number: int
    execution_id: str | None
    endpoint: bool = False
    outcome: dict[str, Any] | str | None = None


class Load:
    """Some threads for runs and one for each endpoint.

    Args:
        server: What they submit to; it may be killed meanwhile.
        endpoints: The endpoints that they call.
        runners: How many threads start runs.
        pace_s: How long each of these waits between two runs.
    """

    def __init__(
        self, server: PrivateServer, endpoints: Sequence[Endpoint], *, runners: int, pace_s: float
    ) -> None:
        self._server = server
        self._pace_s = pace_s
        self._is_over = threading.Event()
        self._ended_at: float | None = None
        self._told: list[Told] = []
        self._broken: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(self._run, number), daemon=True)
            for number in range(runners)
        ]
        self._threads += [
            threading.Thread(target=self._guarded, args=(self._call, number, one), daemon=True)
            for number, one in enumerate(endpoints, runners)
        ]

    @property
    def told(self) -> list[Told]:
        """What they were told so far."""
        return list(self._told)

    def begin(self) -> None:
        """Submit from now on."""
        for thread in self._threads:
            thread.start()

    def await_more(self, count: int) -> None:
        """Wait until so many more requests have been acknowledged.

        Raises:
            Unavailable: They are not, for a long time.
        """
        deadline = time.monotonic() + CALL_S
        enough = self._acknowledged() + count
        while self._acknowledged() < enough and not self._broken:
            if time.monotonic() > deadline:
                raise Unavailable(f"Not even {count} requests were taken within {CALL_S:g} s.")
            time.sleep(PAUSE_S)

    def end(self) -> list[Told]:
        """Submit no more, let what is under way be answered, and return all that was told.

        The server must run. Whatever went wrong in a client, apart from what a server that is
        killed brings about, is raised.
        """
        self._ended_at = time.monotonic()
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        for broken in self._broken:
            raise broken
        return self.told

    def _acknowledged(self) -> int:
        return sum(1 for item in self._told if item.execution_id is not None)

    def _guarded(self, work: Any, number: int, *more: Any) -> None:
        try:
            work(itertools.count(number * NUMBERS_OF_ONE + 1), *more)
        except BaseException as error:  # noqa: BLE001 - raised again by end()
            self._broken.append(error)

    def _run(self, numbers: itertools.count[int]) -> None:
        with HeadraceSdk(self._server.token, self._server.url, verbose_log=False) as sdk:
            for number in numbers:
                if self._is_over.wait(self._pace_s):
                    return
                name = FUNCTIONS[number % len(FUNCTIONS)]
                try:
                    answer = sdk.run_pipeline(
                        name, inputs={"number": number}, wait_for_completion=False
                    )
                except HeadraceError:
                    self._told.append(Told(number, None))
                    self._is_over.wait(PAUSE_S)
                else:
                    self._told.append(Told(number, answer["execution_id"]))

    def _call(self, numbers: itertools.count[int], endpoint: Endpoint) -> None:
        url = f"{self._server.url}/endpoints/{endpoint.name}"
        headers = {"Authorization": f"EndpointToken {endpoint.token}"}
        with httpx.Client(headers=headers, timeout=CALL_S, trust_env=False) as http:
            for number in numbers:
                if self._is_over.wait(CALL_PACE_S):
                    return
                self._told.append(self._answered(http, url, endpoint, number))

    def _answered(self, http: httpx.Client, url: str, endpoint: Endpoint, number: int) -> Told:
        """Call an endpoint; with a key, again and again until there is an answer."""
        keys = {"Idempotency-Key": uuid.uuid4().hex} if endpoint.has_keys else {}
        while self._may_go_on():
            try:
                answer = http.post(url, json={"number": number}, headers=keys)
            except httpx.TransportError:
                answer = None
            told = None if answer is None else _read(answer, number, endpoint)
            if told is not None:
                return told
            if not endpoint.has_keys:
                break
            time.sleep(PAUSE_S)
        return Told(number, None, endpoint=True)

    def _may_go_on(self) -> bool:
        return self._ended_at is None or time.monotonic() < self._ended_at + GIVE_UP_S


def _read(answer: httpx.Response, number: int, endpoint: Endpoint) -> Told | None:
    """Return the execution of an answer; None if the server could not take the call.

    Raises:
        HeadraceError: The answer is none that a call may get.
    """
    body = answer.json()
    outcome: dict[str, Any] | str | None
    if answer.status_code == SEE_OTHER:
        # It was taken, and takes longer than a request is held.
        execution_id, outcome = body["execution_id"], None
    elif answer.status_code == 200:
        execution_id, outcome = body["execution_id"], body["outputs"]
    elif body.get("name") == "PipelineExecutionFailed":
        details = body["additional_data"]
        execution_id, outcome = details["execution_id"], details["failure"]
    elif answer.status_code in TRY_AGAIN:
        return None
    else:
        raise HeadraceError(
            f"The call of {endpoint.name} was answered {answer.status_code}: {answer.text}"
        )
    return Told(number, execution_id, endpoint=True, outcome=outcome)
