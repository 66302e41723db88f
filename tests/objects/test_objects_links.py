"""Signed links allow exactly what was signed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import NotFound, PermissionDenied
from headrace.objects.links import Purpose, sign, verify, xml_error, xml_of

KEY = b"k" * 32
PART = {"purpose": "part", "upload_id": "u1", "part_number": "3"}
Request = tuple[str, str, dict[str, str]]
REQUESTS = st.tuples(
    st.sampled_from(["GET", "PUT"]),
    st.text("a/,", max_size=3),
    st.dictionaries(st.text("a,", max_size=2), st.text("a,", max_size=2), max_size=2),
)


def test_a_link_gives_back_what_it_is_bound_to() -> None:
    params = sign(KEY, "PUT", "a/b", 1000, PART)
    assert all(isinstance(value, str) for value in params.values())
    assert verify(KEY, "put", "a/b", params, purpose=Purpose.PART, now=999.9) == PART


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": b"other"}, "SignatureDoesNotMatch"),
        ({"method": "POST"}, "SignatureDoesNotMatch"),
        ({"path": "a/c"}, "SignatureDoesNotMatch"),
        ({"params": {"part_number": "4"}}, "SignatureDoesNotMatch"),
        ({"params": {"expires": "9999999999"}}, "SignatureDoesNotMatch"),
        ({"params": {"purpose": "download"}}, "SignatureDoesNotMatch"),
        ({"params": {"added": "x"}}, "SignatureDoesNotMatch"),
        ({"params": {"signature": ""}}, "SignatureDoesNotMatch"),
        ({"params": {"signature": "\u00e9\ud800"}}, "SignatureDoesNotMatch"),
        ({"now": 1000}, "ExpiredLink"),
        ({"purpose": Purpose.UPLOAD}, "AccessDenied"),
    ],
)
def test_anything_else_is_refused(change: dict, code: str) -> None:
    params = sign(KEY, "PUT", "a/b", 1000, PART) | change.get("params", {})
    with pytest.raises(PermissionDenied) as caught:
        verify(
            change.get("key", KEY),
            change.get("method", "PUT"),
            change.get("path", "a/b"),
            params,
            purpose=change.get("purpose", Purpose.PART),
            now=change.get("now", 0),
        )
    assert caught.value.details == {"code": code}


@pytest.mark.parametrize("name", ["purpose", "expires", "signature"])
def test_a_parameter_cannot_be_left_out(name: str) -> None:
    params = sign(KEY, "PUT", "a/b", 1000, PART)
    del params[name]
    with pytest.raises(PermissionDenied):
        verify(KEY, "PUT", "a/b", params, purpose=Purpose.PART, now=0)


@pytest.mark.parametrize("extra", [{}, {"purpose": "upload", "expires": "1"}])
def test_a_link_without_purpose_or_with_taken_names_is_not_made(extra: dict) -> None:
    with pytest.raises(ValueError, match="purpose"):
        sign(KEY, "PUT", "a", 1, extra)


@given(REQUESTS, REQUESTS)
def test_only_the_same_request_has_the_same_signature(left: Request, right: Request) -> None:
    def signature(request: Request) -> str:
        method, path, extra = request
        return sign(KEY, method, path, 1, {"purpose": "x", **extra})["signature"]

    assert (signature(left) == signature(right)) is (left == right)


def test_signatures_are_safe_in_urls() -> None:
    for n in range(50):
        assert (
            sign(KEY, "GET", str(n), 1, {"purpose": "x"})["signature"]
            .replace("-", "")
            .replace("_", "")
            .isalnum()
        )


@given(st.text())
def test_xml_errors_can_always_be_read(message: str) -> None:
    """What XML can hold comes back as it was; the rest is left out."""
    root = ET.fromstring(xml_error("SomeCode", message))  # noqa: S314 - made here
    assert [child.tag for child in root] == ["Code", "Message"]
    assert root.findtext("Code") == "SomeCode"
    expected = "".join(
        c for c in message if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")
    )
    assert root.findtext("Message") == expected


def test_xml_errors_escape_markup_and_lone_surrogates() -> None:
    assert b"<Message>&lt;a&gt; &amp; b</Message>" in xml_error("C", "<a> & \x00\ud800b")


def test_xml_of_an_error() -> None:
    assert b"<Code>NoSuchKey</Code><Message>no a</Message>" in xml_of(NotFound("no a"))
    expired = PermissionDenied("late", details={"code": "ExpiredLink"})
    assert b"<Code>ExpiredLink</Code>" in xml_of(expired)
