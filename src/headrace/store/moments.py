"""Times as the database keeps them: integers of microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def to_us(at: datetime) -> int: ...
@overload
def to_us(at: None) -> None: ...
def to_us(at: datetime | None) -> int | None:
    """Return microseconds since 1970 for an aware time."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


@overload
def from_us(stamp: int) -> datetime: ...
@overload
def from_us(stamp: None) -> None: ...
def from_us(stamp: int | None) -> datetime | None:
    """Return the aware UTC time of a stored stamp."""
    return None if stamp is None else _EPOCH + timedelta(microseconds=stamp)
