"""Messages survive being cut anywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace_harness.frames import FrameReader, encode_frame

messages = st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))


@given(messages, st.integers(1, 9))
def test_messages_arrive_in_order_whatever_the_pieces(sent, size):
    data = b"".join(map(encode_frame, sent))
    reader = FrameReader()
    received = []
    for start in range(0, len(data), size):
        received += reader.feed(data[start : start + size])
    assert received == sent
