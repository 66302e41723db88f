"""Attached files: where they can be, and what is attached after a change."""

from __future__ import annotations

import pytest

from headrace.core.attachments import (
    FOLDER,
    MAX_ATTACHMENTS,
    Attachment,
    attachment,
    changed_attachments,
    check_place,
    digest_of,
    object_of,
)
from headrace.core.errors import InvalidRequest

A, B = "a" * 64, "b" * 64


def at(path: str, digest: str = A) -> Attachment:
    return attachment(path, digest, 3)


@pytest.mark.parametrize("place", ["a", "models/iris.joblib", "a b/ü.bin", ".hidden", "a/b/c/d"])
def test_a_place_is_a_path_in_the_folder(place: str) -> None:
    assert check_place(place) == place


@pytest.mark.parametrize(
    "place",
    [
        *("", None, 1, "/", "/etc/passwd", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b"),
        *("a//b", "a/", "//a", "a\\b", "a\0b", "a\nb", "x" * 256, "\ud800", "é" * 128),
        *("__pycache__/a", "a/__pycache__", ".git/config", "a/" * 600 + "a"),
    ],
)
def test_tricks_are_no_places(place: object) -> None:
    with pytest.raises(InvalidRequest):
        check_place(place)


@pytest.mark.parametrize("digest", [None, "", A[1:], A + "a", A.upper(), "g" * 64, "../" + A[3:]])
def test_a_digest_is_one(digest: object) -> None:
    with pytest.raises(InvalidRequest, match="digest of the attachment 'a'"):
        attachment("a", digest, 3)


@pytest.mark.parametrize("size", [None, -1, True, 1.0, "1", 1 << 62])
def test_a_size_is_a_number_of_bytes(size: object) -> None:
    with pytest.raises(InvalidRequest, match="size of the attachment 'a'"):
        attachment("a", A, size)


def test_the_object_is_named_by_the_digest() -> None:
    assert at("a") == Attachment("a", A, 3, f"{FOLDER}/{A}")
    assert digest_of(object_of(A)) == A


@pytest.mark.parametrize("path", ["a", A, f"{FOLDER}/a", f"x/{FOLDER}/{A}", f"{FOLDER}/{A}/b"])
def test_other_objects_are_no_attached_files(path: str) -> None:
    assert digest_of(path) is None


def test_changes_add_replace_and_take_away() -> None:
    present = (at("a"), at("b/c"))
    assert changed_attachments(present, {}) == present
    assert changed_attachments(present, {"a": at("a", B)}) == (at("a", B), at("b/c"))
    assert changed_attachments(present, {"a": None, "0": at("0")}) == (at("0"), at("b/c"))


def test_what_is_not_attached_cannot_be_taken_away() -> None:
    with pytest.raises(InvalidRequest, match="at 'b'; attached are: a"):
        changed_attachments([at("a")], {"b": None})
    with pytest.raises(InvalidRequest, match="attached are: none"):
        changed_attachments([], {"b": None})


@pytest.mark.parametrize("path", ["a/b", "a/b/c"])
def test_nothing_is_below_a_file(path: str) -> None:
    with pytest.raises(InvalidRequest, match="at 'a', so none can be below it"):
        changed_attachments([at("a")], {path: at(path)})


def test_there_are_not_too_many() -> None:
    changes = {str(number): at(str(number)) for number in range(MAX_ATTACHMENTS)}
    assert len(changed_attachments([], changes)) == MAX_ATTACHMENTS
    with pytest.raises(InvalidRequest, match=f"at most {MAX_ATTACHMENTS} attached files"):
        changed_attachments([at("more")], changes)
