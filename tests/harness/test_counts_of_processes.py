"""What a process says that it has used, and what it cannot make the template believe."""

from __future__ import annotations

import pytest

from headrace_harness import usage


def test_a_process_says_what_it_used() -> None:
    cpu_us, memory, read, written = usage.read(usage.own()) or [0] * 4
    assert cpu_us > 0
    assert memory > 1 << 20
    assert min(read, written) >= 0


@pytest.mark.parametrize(
    "said", [b"", b"1 2 3", b"1 2 3 4 5", b"-1 2 3 4", b"1 2 3 x", b"9" * 30 + b" 1 1 1", b"\xff"]
)
def test_other_words_are_not_believed(said: bytes) -> None:
    assert usage.read(said) is None
