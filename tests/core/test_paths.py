"""Paths that users give: of objects, and inside a pipeline's folder."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidCode, InvalidRequest
from headrace.core.filenames import MAX_PATH_BYTES
from headrace.core.objects import check_object_path
from headrace.core.pipelines import check_folder_path, check_function

segments = st.lists(
    st.sampled_from(["a", "b.c", "..", ".", "", "é", "-", "...", "~", "a\\b", "\x7f", "\0", " "]),
    max_size=6,
)


@given(segments)
def test_an_accepted_object_path_is_canonical_and_stays_inside(parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        canonical = check_object_path(path)
    except InvalidRequest as refusal:
        assert refusal.message  # noqa: PT017 - both ends are legal, neither may be silent
        return
    assert check_object_path(canonical) == canonical == check_object_path(f"/{canonical}")
    assert not canonical.startswith("/")
    assert posixpath.normpath(f"/root/{canonical}") == f"/root/{canonical}"


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", None, 1, ["a"], "a/../b", "//a", "a//b", ".", "a\tb", "a\u202eb", "\ud800"],
)
def test_what_is_no_object_path(path: object) -> None:
    with pytest.raises(InvalidRequest):
        check_object_path(path)


def test_object_paths_have_a_greatest_length_in_bytes() -> None:
    segment = "é" * 127
    longest = "/".join([segment] * 4) + "/abcd"
    assert len(longest.encode()) == MAX_PATH_BYTES
    assert check_object_path(longest) == longest
    with pytest.raises(InvalidRequest, match="at most 1024 bytes"):
        check_object_path(longest + "e")
    with pytest.raises(InvalidRequest, match="at most 255 bytes"):
        check_object_path("é" * 128)


@given(segments)
def test_an_accepted_folder_path_stays_inside(parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        canonical = check_folder_path(path, "included_folders")
    except InvalidRequest as refusal:
        assert "included_folders" in refusal.message  # noqa: PT017 - as above
        return
    assert check_folder_path(canonical, "x") == canonical
    assert posixpath.normpath(f"/root/{canonical}").startswith("/root")


@pytest.mark.parametrize(
    ("path", "canonical"),
    [("/", "."), ("./", "."), ("./src", "src"), ("/src/", "src"), ("a/../b", "b"), ("a//b", "a/b")],
)
def test_folder_paths(path: str, canonical: str) -> None:
    assert check_folder_path(path, "x") == canonical


@pytest.mark.parametrize("path", ["", " ", "..", "a/../../b", "/../a", "a\0", None, 7])
def test_what_is_no_folder_path(path: object) -> None:
    with pytest.raises(InvalidRequest, match="requirements_path"):
        check_folder_path(path, "requirements_path")


def test_functions() -> None:
    assert check_function("/src/./main.py", "f") == ("src/main.py", "f")


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        (None, "f", "function_path is missing"),
        ("", "f", "function_path is missing"),
        ("a.py", None, "function_name is missing"),
        ("a.txt", "f", "must be a Python file"),
        ("../a.py", "f", "function_path '../a.py' leaves"),
        (["a.py"], "f", "function_path must be a path"),
        ("a.py", "f()", "function_name 'f\\(\\)' is not"),
        ("a.py", ["f"], "function_name"),
        ("a.py", 7, "function_name 7 is not"),
    ],
)
def test_what_is_no_function(path: object, name: object, said: str) -> None:
    with pytest.raises((InvalidCode, InvalidRequest), match=said):
        check_function(path, name)
