"""Nothing of the client runs when objects are collected: an interrupt that falls there is lost."""

from __future__ import annotations

import http.client

import pytest

from headrace import HeadraceSdk

pytestmark = pytest.mark.system


def test_answers_are_closed_before_they_are_collected(
    sdk: HeadraceSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[http.client.HTTPResponse] = []

    class Kept(http.client.HTTPResponse):
        """An answer that can be looked at when nobody else has it any more."""

        def begin(self) -> None:
            made.append(self)
            super().begin()

    monkeypatch.setattr(http.client.HTTPConnection, "response_class", Kept)
    sdk.list_pipelines()
    assert made
    assert all(answer.closed for answer in made)
