"""The routes of endpoints with their handlers, which check the endpoint's own token."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.endpoints import calls, documents
from headrace.web.exchange import Handler
from headrace.wire import routes
from headrace.wire.route import Route

HANDLERS: Mapping[Route, Handler] = {
    routes.ENDPOINT_V1: calls.call_endpoint,
    routes.ENDPOINT_RESULTS_V1: calls.endpoint_results,
    routes.ENDPOINT_FILE_V1: calls.endpoint_file_v1,
    routes.ENDPOINT: calls.call_endpoint,
    routes.ENDPOINT_RESULTS: calls.endpoint_results,
    routes.ENDPOINT_OPENAPI: documents.endpoint_openapi,
    routes.ENDPOINT_DOCS: documents.endpoint_page,
}
"""Handlers outside of the API, which check an endpoint's own token if they need one. Those below
``v1`` come first, as it is no path."""
