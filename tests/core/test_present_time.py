"""All units of the present time say the same."""

from __future__ import annotations

from datetime import UTC, datetime

from headrace.core import clock


def test_each_unit_counts_from_1970_in_utc(monkeypatch) -> None:
    class Stopped:
        @staticmethod
        def time_ns() -> int:
            return 1_700_000_000_123_456_789

    monkeypatch.setattr(clock, "time", Stopped)
    assert clock.now_ns() == 1_700_000_000_123_456_789
    assert clock.now_us() == 1_700_000_000_123_456
    assert clock.now_s() == 1_700_000_000_123_456_789 / 1e9
    assert clock.now() == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
