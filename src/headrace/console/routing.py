"""The pages of the console with their handlers."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.console import routes
from headrace.console.assets import asset
from headrace.console.front_page import front_page
from headrace.console.live import Listeners
from headrace.console.sign_in import sign_in_page
from headrace.web.exchange import Handler
from headrace.wire.route import Route
from headrace.wire.routes import FRONT


def handlers() -> Mapping[Route, Handler]:
    """Return the handlers, which share what one server has of them."""
    return {
        FRONT: front_page,
        routes.ASSET: asset,
        routes.EVENTS: Listeners().events,
        routes.SIGN_IN_PAGE: sign_in_page,
    }
