"""When a browser was last at the home page: what is new since then is what it shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from headrace.core.clock import now

COOKIE = "headrace-visit"
"""Two times in seconds since 1970: the end of the visit before, and the last look of this one."""

APART = timedelta(minutes=30)
"""A visit ends after that time without a look."""

FIRST = timedelta(days=1)
LONGEST = timedelta(days=31)
_KEPT_S = 400 * 86_400


def last_visit(request: Request) -> datetime:
    """Return when the visit before this one ended; a day ago for a browser that was never here."""
    return _visits(request)[0]


def is_first(request: Request) -> bool:
    """Check whether this browser was never here."""
    return _read(request) is None


def remember(request: Request, response: Response) -> None:
    """Have the browser remember this look."""
    before, _ = _visits(request)
    response.set_cookie(
        COOKIE,
        f"{before.timestamp():.0f}.{now().timestamp():.0f}",
        max_age=_KEPT_S,
        httponly=True,
        samesite="strict",
    )


def _visits(request: Request) -> tuple[datetime, datetime]:
    """Return when the visit before ended, and when this one was last seen."""
    present = now()
    stored = _read(request)
    if stored is None:
        return present - FIRST, present
    before, seen = stored
    if present - seen > APART:
        before = seen
    return max(min(before, present), present - LONGEST), seen


def _read(request: Request) -> tuple[datetime, datetime] | None:
    """Return the times of the cookie; None if there is none, or somebody has changed it."""
    try:
        before, seen = (
            datetime.fromtimestamp(int(text), UTC)
            for text in request.cookies.get(COOKIE, "").split(".")
        )
    except (ValueError, OverflowError, OSError):
        return None
    return before, seen
