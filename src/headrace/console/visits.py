"""The last visit of a browser to the home page, which shows what is new since then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from headrace.core.clock import now

COOKIE = "headrace-visit"
"""Two times in seconds since 1970: the end of the visit before, and the last look of this one.
A mark behind them says that there was no visit before."""

APART = timedelta(minutes=30)
"""A visit ends after that time without a look."""

FIRST = timedelta(days=1)
LONGEST = timedelta(days=31)
_KEPT_S = 400 * 86_400
_FIRST = "first"


def last_visit(request: Request) -> datetime:
    """Return when the visit before this one ended; a day ago for a browser that was never here."""
    return _visit(request).before


def is_first(request: Request) -> bool:
    """Check whether this is the first visit of this browser, which may last for many looks."""
    return _visit(request).is_first


def remember(request: Request, response: Response) -> None:
    """Set the cookie that records this look."""
    visit = _visit(request)
    times = f"{visit.before.timestamp():.0f}.{now().timestamp():.0f}"
    response.set_cookie(
        COOKIE,
        f"{times}.{_FIRST}" if visit.is_first else times,
        max_age=_KEPT_S,
        httponly=True,
        samesite="strict",
    )


class _Visit(NamedTuple):
    before: datetime
    is_first: bool


def _visit(request: Request) -> _Visit:
    """Return when the visit before ended, and whether there was none."""
    present = now()
    before, seen, *more = _read(request) or (present - FIRST, present, _FIRST)
    if present - seen > APART:
        return _Visit(max(seen, present - LONGEST), is_first=False)
    return _Visit(max(min(before, present), present - LONGEST), is_first=more == [_FIRST])


def _read(request: Request) -> tuple[datetime, datetime] | tuple[datetime, datetime, str] | None:
    """Return what the cookie says; None if there is none, or somebody has changed it."""
    before, _, rest = request.cookies.get(COOKIE, "").partition(".")
    seen, _, mark = rest.partition(".")
    try:
        times = datetime.fromtimestamp(int(before), UTC), datetime.fromtimestamp(int(seen), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return (*times, mark) if mark else times
