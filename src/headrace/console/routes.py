"""The pages of the console: each route once."""

from __future__ import annotations

from headrace.core.rights import Right
from headrace.wire.route import Open, Route


def _page(method: str, path: str, summary: str, needs: Right | Open = Right.LOOK) -> Route:
    return Route(method, path, summary, needs, root="", is_page=True)


ASSET = _page("GET", "/assets/{stamp}/{name}", "Get a style or a script of the pages", Open.NOTHING)
EVENTS = _page("GET", "/events", "Hear when something changed")
HOME = _page("GET", "/", "See what runs, what failed and what comes next")
SIGN_IN_PAGE = _page("GET", "/sign-in", "See the form to sign in", Open.NOTHING)
SIGN_IN = _page("POST", "/sign-in", "Sign in", Open.NOTHING)
SIGN_OUT = _page("POST", "/sign-out", "Sign out")
SEARCH = _page("GET", "/search", "Find pipelines, deployments and executions")
