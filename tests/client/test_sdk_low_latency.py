"""Low-latency deployments with the SDK, against a real server."""

from __future__ import annotations

import inspect
import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from tests.overdue import forget

from headrace import (
    Conflict,
    DeploymentCreationFailed,
    HeadraceSdk,
    InvalidRequest,
    NotFound,
    WaitTimeout,
)

pytestmark = pytest.mark.system

BROKEN = """
import os

print("about to break")
if os.environ.get("SDK_WARM_KEY") is None:
    raise KeyError("SDK_WARM_KEY")


def work():
    pass
"""
OPTIONS = {
    "enable_parallel_executions": True,
    "max_parallel_executions_per_pod": 2,
    "ram_request": "1GiB",
    "idle_timeout_s": 600.0,
    "max_queue": 10,
}


@pytest.fixture
def name(sdk):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"sdk-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


def test_it_is_up_when_its_creation_returns(sdk, pipeline, name):
    made = sdk.create_deployment(pipeline("add"), name, "endpoint", "low_latency", pods=2)
    assert (made["mode"], made["status"]) == ("low_latency", "up")
    assert [pod["status"] for pod in made["pods"]] == ["up", "up"]
    for token in (None, made["endpoint_token"]):
        result = sdk.trigger_endpoint(name, token, {"number1": 1, "number2": 2})
        assert result["outputs"] == {"number3": 3}
    found = sdk.get_deployment(name)
    assert found["last_execution_id"] == result["execution_id"]
    lines = sdk.get_pipeline_execution_logs(result["execution_id"])
    assert [line["message"] for line in lines] == ["adding 1 2"]


def test_options_are_given_at_the_creation_or_later(sdk, pipeline, name):
    arguments = (pipeline("nothing"), name, "endpoint", "low_latency")
    made = sdk.create_deployment(*arguments, **OPTIONS)
    assert {key: made[key] for key in OPTIONS} == OPTIONS
    sdk.delete_deployment(name)
    sdk.create_deployment(*arguments)
    changed = sdk.update_deployment(name, **OPTIONS)
    assert {key: changed[key] for key in OPTIONS} == OPTIONS
    changed = sdk.update_deployment(name, enable_parallel_executions=False, idle_timeout_s=0)
    assert (changed["enable_parallel_executions"], changed["idle_timeout_s"]) == (False, None)
    assert (changed["ram_request"], changed["max_queue"]) == ("1GiB", 10)
    before = changed["pods"]
    assert sdk.update_deployment(name, replace_pods=False)["pods"] == before
    assert sdk.update_deployment(name, replace_pods=True)["pods"][0] not in before
    with pytest.raises(InvalidRequest, match="pods must be"):
        sdk.update_deployment(name, pods=0)


def test_arguments_of_its_own_are_given_by_name():
    own = {
        "create_deployment": {"pods", "idle_timeout_s", "max_queue"},
        "update_deployment": {*OPTIONS, "pods", "replace_pods"},
    }
    for method, names in own.items():
        parameters = inspect.signature(getattr(HeadraceSdk, method)).parameters
        kinds = {parameters[name].kind for name in names}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_a_creation_that_fails_raises_the_reason(sdk, name, tmp_path, capsys):
    (tmp_path / "work.py").write_text(BROKEN)
    config = {"local_folder": str(tmp_path)}
    with pytest.warns(UserWarning, match="KeyError: 'SDK_WARM_KEY'"):
        sdk.create_pipeline(f"{name}-broken", "work.py", "work", None, config)
    arguments = (f"{name}-broken", name, "endpoint", "low_latency")
    with pytest.raises(DeploymentCreationFailed, match="KeyError: 'SDK_WARM_KEY'") as caught:
        sdk.create_deployment(*arguments)
    assert caught.value.details["deployment_name"] == name
    assert caught.value.details["failure"]["kind"] == "user_error"
    with pytest.raises(DeploymentCreationFailed):
        sdk.get_deployment(name, wait_for_completion=True)
    with pytest.raises(DeploymentCreationFailed):
        sdk.update_deployment(name, replace_pods=True)
    assert sdk.update_deployment(name, is_enabled=False)["status"] == "disabled"
    found = sdk.get_deployment(name, wait_for_completion=True, timeout_s=20)
    assert (found["status"], found["pods"]) == ("disabled", [])
    # Without waiting nothing is raised: what is there is shown.
    shown = sdk.update_deployment(name, is_enabled=True, wait_for_completion=False)
    assert shown["status"] in {"creation_pending", "creation_failed"}
    sdk.create_or_update_environment_variable("SDK_WARM_KEY", "there")
    assert sdk.update_deployment(name, replace_pods=True)["status"] == "up"
    lines = sdk.get_deployment_logs(name)
    assert "KeyError: 'SDK_WARM_KEY'" in [line["message"] for line in lines]
    sdk.delete_environment_variable("SDK_WARM_KEY")
    sdk.delete_pipeline(f"{name}-broken", force_deployments_deletion=True)


def test_a_wait_for_a_slow_creation_ends_at_its_time(sdk, name, tmp_path):
    gate = tmp_path / "gate"
    source = "import pathlib, time\nwhile not pathlib.Path({!r}).exists():\n    time.sleep(0.01)\n"
    (tmp_path / "work.py").write_text(source.format(str(gate)) + "\ndef work():\n    pass\n")
    config = {"local_folder": str(tmp_path)}
    gate.touch()
    sdk.create_pipeline(f"{name}-slow", "work.py", "work", None, config)
    gate.unlink()
    arguments = (f"{name}-slow", name, "endpoint", "low_latency")
    with pytest.raises(WaitTimeout, match="goes on"):
        sdk.create_deployment(*arguments, timeout_s=0.2)
    assert sdk.get_deployment(name)["status"] == "creation_pending"
    gate.touch()
    assert sdk.get_deployment(name, wait_for_completion=True)["status"] == "up"
    sdk.delete_pipeline(f"{name}-slow", force_deployments_deletion=True)


def test_the_log_of_a_deployment(sdk, pipeline, name):
    begin = datetime.now(UTC) - timedelta(seconds=1)
    made = sdk.create_deployment(pipeline("nothing"), name, "endpoint", "low_latency", pods=2)
    lines = sdk.get_deployment_logs(name)
    assert {line["pod_id"] for line in lines} == {pod["pod_id"] for pod in made["pods"]}
    assert {line["type"] for line in lines} == {"deployment"}
    assert list(sdk.iter_deployment_logs(name)) == lines
    assert sdk.get_deployment_logs(name, begin, limit=1) == lines[:1]
    assert sdk.get_deployment_logs(name, to_datetime=begin) == []
    following = sdk.iter_deployment_logs(name, follow=True)
    assert list(itertools.islice(following, len(lines))) == lines
    sdk.update_deployment(name, replace_pods=True)
    assert next(following) not in lines
    sdk.delete_deployment(name)
    with pytest.raises(NotFound):
        list(sdk.iter_deployment_logs(name))


def test_a_disabled_one_refuses_calls(sdk, pipeline, name):
    sdk.create_deployment(
        pipeline("add"), name, "endpoint", "low_latency", is_enabled=False, timeout_s=20
    )
    for token in (None, sdk.get_deployment(name)["endpoint_token"]):
        with pytest.raises(Conflict, match="disabled"):
            sdk.trigger_endpoint(name, token, {"number1": 1, "number2": 2})
    assert sdk.update_deployment(name, is_enabled=True)["status"] == "up"
