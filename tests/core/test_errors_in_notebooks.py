"""What a notebook shows of an error: lines of the user, and no library's."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.rendering import rendered


def test_lines_of_the_user_are_shown_with_what_was_wrong_and_the_notes() -> None:
    with pytest.raises(InvalidRequest) as caught:
        raise InvalidRequest("no such thing")
    caught.value.add_note("try another")
    first, place, *_, last, note = caught.value._render_traceback_()
    assert first == "Traceback (most recent call last):"
    assert "test_errors_in_notebooks.py" in place
    assert (last, note) == ("InvalidRequest: no such thing", "try another")


def test_lines_of_libraries_are_left_out() -> None:
    space = {"__name__": "headrace.client.sdk"}
    exec("def fails(): raise ValueError('x')", space)  # noqa: S102 - a function of such a module
    with pytest.raises(ValueError, match="x") as caught:
        space["fails"]()  # type: ignore[operator]  # made by exec
    assert not any("<string>" in line for line in rendered(caught.value, "ValueError: x"))


def test_an_error_that_was_never_raised_has_no_lines() -> None:
    assert rendered(ValueError("x"), "ValueError: x") == ["ValueError: x"]
