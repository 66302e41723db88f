"""Pages for browsers, each of which lets in its own style and script and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

_CLOSED = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its style and script in it.

    Attributes:
        html: The page.
        headers: The headers that it is sent with: it is asked for anew, leaks no address, and
            ``Content-Security-Policy`` lets in its own style and script alone.
    """

    html: str
    headers: Mapping[str, str]


def read_page(
    room: str, html: str, styles: Sequence[str], scripts: Sequence[str] = (), *policy: str
) -> Page:
    """Return a page, put together from files of the folder ``pages`` of a room.

    Args:
        room: The package.
        html: The file of the page, with ``/* style */`` and ``/* script */`` in it.
        styles: Files of its style, in order.
        scripts: Files of its one script, in order.
        policy: More directives of its security policy.
    """
    folder = resources.files(room) / "pages"
    style, script = (
        "".join((folder / name).read_text("utf-8") for name in names) for names in (styles, scripts)
    )
    text = (
        (folder / html)
        .read_text("utf-8")
        .replace("/* style */", style)
        .replace("/* script */", script)
    )
    scripted = (f"script-src {_source(script)}",) if scripts else ()
    directives = ("default-src 'none'", *scripted, f"style-src {_source(style)}", *policy, *_CLOSED)
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(directives),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Page(text, headers)


def _source(text: str) -> str:
    """Return the source of a Content-Security-Policy that lets in this text alone."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
