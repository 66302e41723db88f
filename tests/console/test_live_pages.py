"""Pages hear that something changed."""

from __future__ import annotations

import queue
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.conftest import RunningServer
from tests.console.conftest import Desk

from headrace.console.live import MAX_STREAMS, Listeners
from headrace.core.errors import Unavailable

PATIENCE_S = 30


@contextmanager
def heard(web: httpx.Client, known: str | None = None) -> Iterator[queue.Queue[str]]:
    """The lines that a page is sent, while it listens."""
    lines: queue.Queue[str] = queue.Queue()
    headers = {} if known is None else {"last-event-id": known}

    def listen() -> None:
        try:
            for line in stream.iter_lines():
                lines.put(line)
        except httpx.HTTPError:
            lines.put("cut")

    with web.stream("GET", "/events", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield lines
    thread.join(PATIENCE_S)


def next_id(lines: queue.Queue[str]) -> str:
    while True:
        line = lines.get(timeout=PATIENCE_S)
        if line.startswith("id: "):
            return line[4:]


def test_a_change_is_told_and_one_that_was_missed_is_told_at_once(desk: Desk) -> None:
    with heard(desk.web) as lines:
        first = next_id(lines)
        desk.sdk.create_or_update_environment_variable("LIVE", "1")
        changed = next_id(lines)
        assert changed != first
    desk.sdk.delete_environment_variable("LIVE")
    with heard(desk.web, changed) as lines:
        # What it said itself comes first, then what it has missed.
        assert next_id(lines) == changed
        assert next_id(lines) != changed


def test_a_page_hears_of_what_changed_before_it_listened(desk: Desk) -> None:
    found = re.search(r'data-revision="([^"]+)"', desk.web.get("/variables").text)
    assert found
    desk.sdk.create_or_update_environment_variable("LIVE", "2")
    desk.sdk.delete_environment_variable("LIVE")
    ids: list[str] = []
    with desk.web.stream("GET", f"/events?known={found[1]}") as stream:
        for line in stream.iter_lines():
            ids += [line] if line.startswith("id: ") else []
            if len(ids) == 2:
                break
    assert ids[0] == f"id: {found[1]}" != ids[1]


def test_a_page_is_told_of_a_server_that_was_started_again(
    own_server: Callable[..., RunningServer],
) -> None:
    running = own_server()
    with httpx.Client(base_url=running.url, trust_env=False) as web:
        web.post("/sign-in", data={"token": running.token})
        with heard(web) as lines:
            known = next_id(lines)
            running.kill()
        running.start()
        with heard(web, known) as lines:
            assert next_id(lines) == known
            assert next_id(lines) != known


def test_a_server_ends_while_pages_listen_and_its_log_has_no_traceback(
    own_server: Callable[..., RunningServer],
) -> None:
    running = own_server()
    assert running.process is not None
    with httpx.Client(base_url=running.url, trust_env=False) as web:
        web.post("/sign-in", data={"token": running.token})
        with heard(web) as lines:
            next_id(lines)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(60) == 0
        assert "cut" not in list(lines.queue), "a stream has an end of its own"
    assert "Traceback" not in running.log.read_text()


def test_strangers_hear_nothing(desk: Desk) -> None:
    assert httpx.get(f"{desk.server.url}/events", trust_env=False).status_code == 303


async def test_only_so_many_pages_listen_and_the_others_are_told_when_to_come_again() -> None:
    listeners = Listeners()
    listeners._count = MAX_STREAMS
    with pytest.raises(Unavailable) as refused:
        await listeners.events(None)  # type: ignore[arg-type]  # it is not looked at
    assert refused.value.details["retry_after_s"] == 30
