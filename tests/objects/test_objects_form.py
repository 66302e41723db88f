"""Uploads by form are read as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import InvalidRequest, TooLarge
from headrace.objects.multipart_form import MAX_FIELDS, MAX_FIELDS_BYTES, file_part

KIND = "multipart/form-data; boundary=B"


def part(name: str, value: bytes, *more: str) -> bytes:
    disposition = "; ".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return b"--B\r\n" + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


def form(data: bytes, **fields: str) -> bytes:
    parts = [part(name, value.encode()) for name, value in fields.items()]
    return b"".join([*parts, part("file", data, 'filename="up.bin"'), b"--B--\r\n"])


async def stream(body: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int = 7, kind: str = KIND) -> tuple[dict[str, str], bytes]:
    fields, chunks = await file_part(stream(body, size), kind)
    return fields, b"".join([chunk async for chunk in chunks])


@given(
    st.lists(st.sampled_from([b"\r\n", b"--B", b"--", b"\r", b"B", b"x" * 50]), max_size=12).map(
        b"".join
    ),
    st.integers(1, 40),
)
@settings(max_examples=200, deadline=None)
async def test_any_bytes_in_any_chunks(data: bytes, size: int) -> None:
    if b"\r\n--B" in b"\r\n" + data:
        return  # The sender would have chosen another boundary.
    fields, content = await read(form(data, key="k/x", policy="caf\u00e9"), size)
    assert fields == {"key": "k/x", "policy": "caf\u00e9"}
    assert content == data


async def test_no_fields_and_an_empty_file() -> None:
    assert await read(form(b"")) == ({}, b"")
    assert await read(form(b"x").removesuffix(b"\r\n")) == ({}, b"x")


async def test_what_follows_the_file_is_ignored() -> None:
    body = form(b"data").removesuffix(b"--B--\r\n") + part("late", b"x" * 100_000) + b"--B--\r\n"
    assert await read(body, 4096) == ({}, b"data")


async def test_the_file_is_not_read_before_it_is_asked_for() -> None:
    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        async for chunk in stream(form(b"x" * (1 << 20), key="k"), 4096):
            taken += len(chunk)
            yield chunk

    fields, chunks = await file_part(counted(), KIND)
    assert fields == {"key": "k"}
    assert taken <= 4096
    await anext(aiter(chunks))
    assert taken <= 8192


@pytest.mark.parametrize("cut", [3, 30, 60, 95, 105])
async def test_a_form_that_was_cut_off(cut: int) -> None:
    body = form(b"0123456789", k="v")
    with pytest.raises(InvalidRequest, match=r"ended before its part|cut off"):
        await read(body[: len(body) * cut // 110])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "ended before"),
        (b"nonsense", "malformed"),
        (b"--B\r\nContent-Type: x\r\n\r\nv\r\n--B--\r\n", "no name"),
        (b'--B\r\nContent-Disposition: attachment; name="a"\r\n\r\nv\r\n--B--', "no name"),
        (b"--B\r\nbad header\r\n\r\n", "malformed"),
        (part("k", b"v") + b"--B--\r\n", "ended before"),
        (part("k", b"v") + form(b"", k="w"), "twice"),
        (part("k", b"\xff") + form(b""), "UTF-8"),
        (b"--B\r\nX: " + b"y" * 10_000 + b"\r\n\r\n", "malformed"),
        (b"--B\r\n" + b"X: y\r\n" * 50 + b"\r\n", "malformed"),
    ],
)
async def test_malformed_forms(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await read(body)


async def test_limits_of_the_fields() -> None:
    with pytest.raises(TooLarge, match="more than"):
        await read(form(b"", **{f"k{n}": "v" for n in range(MAX_FIELDS + 1)}))
    with pytest.raises(TooLarge, match="exceed"):
        await read(form(b"", k="v" * (MAX_FIELDS_BYTES + 1)), 4096)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "\u20ac",
        "multipart/mixed; boundary=B",
        f"multipart/form-data; boundary={'B' * 5000}",
    ],
)
async def test_other_content_types(kind: str) -> None:
    with pytest.raises(InvalidRequest, match="form"):
        await read(form(b""), kind=kind)
