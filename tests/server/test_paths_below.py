"""Requests to a server below a path: what of their paths is taken away."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from headrace.web.below import Below


@pytest.mark.parametrize(
    ("prefix", "sent", "taken"),
    [
        ("/headrace", "/headrace/pipelines", "/pipelines"),
        ("/headrace", "/headrace", "/"),
        ("/headrace", "/headrace-2/x", "/headrace-2/x"),
        ("/a/b", "/a/b/", "/"),
        # A proxy that has taken it away cannot be told from one that has not.
        ("/pipelines", "/pipelines/executions", "/pipelines/executions"),
    ],
)
async def test_the_path_is_taken_away_where_that_is_sure(
    prefix: str, sent: str, taken: str
) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    async def nothing() -> Message:
        return {}

    async def nowhere(message: Message) -> None:
        """Drop the message."""

    paths = ("/", "/pipelines/{name}", "/executions")
    await Below(app, prefix, paths)({"type": "http", "path": sent}, nothing, nowhere)
    assert seen == [taken]
