"""Times in queries."""

from __future__ import annotations

from datetime import UTC, datetime

from headrace.core.errors import InvalidRequest

YEARS = range(1970, 10_000)


def instant(text: str | None, name: str) -> datetime | None:
    """Return an instant of the query, in ISO 8601; without an offset it is in UTC."""
    if text is None:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year not in YEARS:
        raise InvalidRequest(
            f"{name} must be a time in ISO 8601 of the years from {YEARS[0]} to {YEARS[-1]}, such "
            f"as 2026-03-29T01:00:00Z, not {text!r:.80}."
        )
    return at
