"""Finding executions by SDK, API and command: the same filters, both directions, and counts."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from headrace import InvalidRequest, PipelineExecutionFailed

HEADRACE = Path(sys.executable).parent / "headrace"


@pytest.fixture
def made(sdk, pipeline):
    """A pipeline, the ids of three failures of it, newest first, and what only they have."""
    name = pipeline("fail")
    ids: list[str] = []
    own = f"of {uuid.uuid4()}"
    for reason in ("no_plan 50%", "No_Plan b", "another"):
        with pytest.raises(PipelineExecutionFailed) as raised:
            sdk.run_pipeline(name, {"reason": f"{reason} {own}"})
        ids.insert(0, raised.value.details["execution_id"])
    return name, ids, own


def ids_of(page):
    return [item["execution_id"] for item in page["items"]]


def test_executions_are_found_by_reason_user_and_rule(sdk, made):
    name, ids, _ = made
    assert ids_of(sdk.list_executions(pipeline_name=name, text="no_plan"))[:2] == ids[1:]
    assert ids_of(sdk.list_executions(pipeline_name=name, text="plan 50%"))[:1] == ids[2:]
    assert ids_of(sdk.list_executions(text=ids[0])) == ids[:1]
    assert ids_of(sdk.list_executions(3, pipeline_name=name, execution_rule="run")) == ids
    assert ids_of(sdk.list_executions(pipeline_name=name, execution_rule="periodic")) == []
    me = sdk.list_executions(1, pipeline_name=name)["items"][0]["created_by"]
    assert ids_of(sdk.list_executions(3, pipeline_name=name, created_by=me)) == ids
    assert ids_of(sdk.list_executions(pipeline_name=name, created_by="nobody")) == []
    with pytest.raises(InvalidRequest, match="execution_rule must be one of run, endpoint"):
        sdk.list_executions(execution_rule="never")
    with pytest.raises(InvalidRequest, match="at most 200 characters"):
        sdk.list_executions(text="x" * 201)
    with pytest.raises(InvalidRequest, match="null character"):
        sdk.list_executions(text="a\0")
    with pytest.raises(InvalidRequest, match="not both"):
        sdk.list_executions(cursor=ids[0], after=ids[1])


def test_pages_lead_forth_and_back(sdk, made):
    name, ids, _ = made
    first = sdk.list_executions(2, pipeline_name=name)
    assert (ids_of(first), first["previous_cursor"]) == (ids[:2], None)
    second = sdk.list_executions(2, first["next_cursor"], pipeline_name=name)
    assert ids_of(second)[0] == ids[2]
    back = sdk.list_executions(2, pipeline_name=name, after=second["previous_cursor"])
    assert (ids_of(back), back["next_cursor"]) == (ids[:2], ids[1])


def test_executions_are_counted_by_status(sdk, made, server):
    name, _, own = made
    counts = sdk.count_executions(pipeline_name=name, text=f"plan b {own}")
    assert counts["all"] == counts["Failed"] == {"count": 1, "is_exact": True}
    assert counts["Succeeded"] == {"count": 0, "is_exact": True}
    command = [HEADRACE, "--url", server.url, "--token", server.token, "executions"]
    told = subprocess.run(
        [*command, "count", "--pipeline", name, "--text", own],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0].split() == ["all", "3"]
    told = subprocess.run(
        [
            *command,
            "list",
            "--pipeline",
            name,
            "--json",
            "--text",
            f"another {own}",
            "--rule",
            "run",
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    found = json.loads(told.stdout)["items"]
    assert [item["failure"]["message"] for item in found] == [f"ValueError: another {own}"]


def test_many_are_chosen_by_the_same_filters(sdk, made):
    name, _, own = made
    plan = sdk.replay_executions(
        pipeline_name=name, text=own, dry_run=True, limit=100, execution_rule="run"
    )
    assert plan["count"] == 3
    none = sdk.cancel_executions(pipeline_name=name, created_by="nobody", dry_run=True)
    assert none["chosen"] == 0
