"""Lines of a terminal for the calls that a local server answers."""

from __future__ import annotations

from headrace.cli.output import Screen
from headrace.cli.terminal import colour_of, painted, printable
from headrace.local.calls import Ended, News, Printed
from headrace.local.development import clock_text

INDENT = " " * 10
"""As wide as a time of day and the gap after it."""


def say_news(screen: Screen, news: News) -> None:
    """Print what a call did."""
    screen.say(line_of(news, is_coloured=screen.is_coloured), None)


def line_of(news: News, *, is_coloured: bool = False) -> str:
    """Return what a call did, as a line for a person."""
    if isinstance(news, Printed):
        return INDENT + printable(news.text, keeps_lines=True)
    if isinstance(news, Ended):
        return _ended(news, is_coloured=is_coloured)
    failed = f", {news.failed} of them failed" if news.failed else ""
    return f"{INDENT}and {news.count:,} more calls or more{failed}"


def _ended(news: Ended, *, is_coloured: bool) -> str:
    colour = colour_of(news.status) if is_coloured else None
    status = painted(news.status, colour) if colour else news.status
    took = (
        f"{news.duration_s * 1000:,.0f} ms" if news.duration_s < 10 else f"{news.duration_s:.1f} s"
    )
    line = f"{clock_text(news.at)}  {status}  {took}  {printable(news.inputs, keeps_lines=False)}"
    return f"{line.rstrip()}\n{INDENT}{news.failure}" if news.failure else line.rstrip()
