"""Every verb is told who asks for it, and rights are compared in one place."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping

import pytest
from tests.architecture.conftest import Module

from headrace.control.activities import Activities
from headrace.control.deployments import Deployments
from headrace.control.executions import Executions
from headrace.control.lookups import Lookups
from headrace.control.pipelines import Pipelines
from headrace.control.projects import Projects
from headrace.control.reruns import Reruns
from headrace.control.tokens import Tokens
from headrace.control.users import Users
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.core.rights import Right
from headrace.core.scopes import Scope
from headrace.server.application import HANDLERS
from headrace.wire.route import PREFIX, Open, Route
from headrace.wire.routes import ROUTES

NOUNS = (
    *(Activities, Deployments, Executions, Lookups, Pipelines, Projects),
    *(Reruns, Tokens, Users, Variables, Versions),
)

AUTHENTICATION = {"Deployments.endpoint", "Tokens.refresh", "Tokens.scope_of"}
"""They find out who asks."""

OF_THE_SERVER = {
    "Deployments.endpoint_at",
    "Executions.remove_traces",
    "Executions.request_stop",
    "Variables.current",
    "Versions.end_build",
    "Versions.pending",
}
"""The server's own loops ask for them, and nobody else does."""

ROOMS_OF_CALLERS = ("headrace.web", "headrace.api", "headrace.endpoints", "headrace.console")


def verbs() -> Iterator[tuple[str, inspect.Signature]]:
    for noun in NOUNS:
        for name, verb in vars(noun).items():
            if inspect.iscoroutinefunction(verb) and not name.startswith("_"):
                yield f"{noun.__name__}.{name}", inspect.signature(verb, eval_str=True)


def test_every_verb_takes_the_scope_of_its_caller_first() -> None:
    without = set()
    for name, signature in verbs():
        _, first, *_ = [*signature.parameters.values(), None]
        if first is None or (first.name, first.annotation) != ("scope", Scope):
            without.add(name)
    assert without == AUTHENTICATION | OF_THE_SERVER


def test_callers_ask_for_no_verb_of_the_servers_loops(modules: Mapping[str, Module]) -> None:
    names = {name.rpartition(".")[2] for name in OF_THE_SERVER} - {"current"}
    asked = {
        f"{module.name}: {node.attr}"
        for module in modules.values()
        if module.name.startswith(ROOMS_OF_CALLERS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in names
    }
    assert asked == set()


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_route_says_what_it_needs(route: Route) -> None:
    assert route in HANDLERS
    assert isinstance(route.needs, Right if route.root == PREFIX else Open) or route.is_public


def test_rights_are_compared_in_one_place(modules: Mapping[str, Module]) -> None:
    comparing = {
        module.name
        for module in modules.values()
        if module.name.startswith(ROOMS_OF_CALLERS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "headrace.core.rights"
    }
    # The console declares what its pages need, as wire/routes.py does for the API.
    assert comparing == {"headrace.web.permission", "headrace.console.routes"}
