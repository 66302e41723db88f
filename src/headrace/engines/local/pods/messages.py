"""What the engine and a pod say to each other about calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.core.calls import Material
from headrace.core.credentials import ID_NAMES
from headrace.core.errors import InvalidRequest
from headrace.core.outcomes import Failure, FailureKind, Outcome, Returned
from headrace.core.pods import PodCall, PodPlan
from headrace.core.values import Json
from headrace.engines.local.outcome import output_file
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.local.process import attached_message
from headrace.wire import codec
from headrace_harness.frames import Message

_NUMBER = re.compile(rb'\{"op":"ended","number":(\d+)')


def setup_message(
    plan: PodPlan,
    settings: PodSettings,
    material: Material,
    identity: Mapping[str, str],
    *,
    pod_id: str,
    own: Path,
    calls: int,
) -> dict[str, Json]:
    """Return what a pod is told at its start.

    Args:
        plan: What it is for.
        settings: The operator's.
        material: What it is started from.
        identity: Variables that it is known by. Each call has them for itself as well, so that
            none changes those of another.
        pod_id: Its id.
        own: Its own folder.
        calls: The descriptor on which its calls come.
    """
    code = plan.code
    return {
        "op": "pod",
        "pod_id": pod_id,
        "calls": calls,
        "folder": str(material.folder.absolute()),
        "attached": attached_message(material),
        "function_path": code.function_path,
        "function": code.function_name,
        "calling": code.calling.value,
        "work": str(own / "work"),
        "outputs": {name: kind.value for name, kind in plan.outputs.items()},
        "identity": dict(identity),
        "id_names": list(ID_NAMES),
        "max_parallel": plan.max_parallel,
        "memory_bytes": plan.ram_bytes,
        "log_bytes": settings.log_bytes,
        "pod_log": str(plan.log.absolute()),
        "pod_log_bytes": plan.log_bytes,
        "output_bytes": settings.output_bytes,
        "bounds": settings.bounds.message(own),
    }


def call_body(number: int, call: PodCall, *, is_read: bool) -> bytes:
    """Return the JSON text that tells a pod of a call; ``is_read``: its items are read."""
    message: dict[str, Json] = {
        "op": "call",
        "number": number,
        "id": call.execution_id,
        "values": call.values,
        "log": call.log,
        "workspace": call.workspace,
    }
    if is_read:
        message["stream"] = True
    if call.absent:
        message["absent"] = call.absent
    if call.files:
        message["files"] = {
            name: {"source": str(file.source.absolute()), "filename": file.filename}
            for name, file in call.files.items()
        }
    return codec.encode(message)


def variables_body(before: Mapping[str, str], now: Mapping[str, str]) -> bytes:
    """Return the JSON text that tells a pod which variables have changed."""
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    gone = [name for name in before if name not in now]
    return codec.encode({"op": "variables", "set": changed, "unset": gone})


def read_message(body: bytes) -> Message:
    """Return what a pod says of a call."""
    try:
        message: Message = codec.decode_message(body, "The message of the pod")
    except InvalidRequest as error:
        # Such as a result nested deeper than any reader takes.
        found = _NUMBER.match(body)
        if found is None:
            return {"op": "unreadable"}
        why = f"The result could not be read: {error.message}"
        return {"op": "ended", "number": int(found[1]), "kind": "bad_output", "message": why}
    return message


def read_outcome(call: PodCall, plan: PodPlan, message: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a pod reported."""
    try:
        if "kind" in message:
            return Failure(FailureKind(message["kind"]), message["message"])
        if not message["files"]:
            return Returned(message["values"])
        workspace = Path(call.workspace)
        files = {
            name: output_file(workspace, plan.outputs, name, file)
            for name, file in message["files"].items()
        }
        return Returned(message["values"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Failure(FailureKind.BAD_OUTPUT, f"What the call left could not be read: {error}.")
