"""Who may make which call: the one place where rights are compared with what routes need."""

from __future__ import annotations

from headrace.control.tokens import Caller
from headrace.core.errors import PermissionDenied
from headrace.core.rights import GRANTABLE, IN_EXECUTIONS, Right
from headrace.wire.routes import Route


def check_right(caller: Caller, route: Route) -> None:
    """Refuse a call that its caller may not make.

    Raises:
        PermissionDenied: The caller is code of a pipeline, which has fewer rights than a user.
    """
    if route.needs in caller.rights:
        return
    what = route.summary[0].lower() + route.summary[1:]
    raise PermissionDenied(
        f"Code {caller.place} may not do this: {what}. {_way_out(route.needs)}",
        details={"needs": route.needs.value},
    )


def _way_out(needs: Right) -> str:
    outside = "Do it from outside, with an SDK token"
    if needs in IN_EXECUTIONS:
        return f"{outside}, or in the function, once it is called."
    if needs in GRANTABLE:
        return f"{outside}; or the operator allows it with HEADRACE_EXECUTIONS_MAY={needs}."
    return f"{outside}."
