"""Low-latency deployments: what a call finds in a pod, and what is on record of it."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunningServer, wait_until
from tests.warm import Endpoint, Holds, Maker, holds_in, maker

from headrace import Conflict, InputSource, OutputDestination, PipelineExecutionFailed

pytestmark = pytest.mark.system

CLIENT = {"craft-ai-client": "craft-ai-sdk@0.74.7"}


def wait_for_statuses(make: Maker, endpoint: Endpoint, expected: list[str]) -> None:
    """Wait until the executions of an endpoint, in the order of their calls, have these."""
    wait_until(lambda: statuses(make, endpoint) == expected)


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("warm")) as made:
        yield made


@pytest.fixture(scope="module")
def shared(make: Maker) -> Endpoint:
    """One pod, one call at a time; tests leave it idle."""
    return make.endpoint("do")


@pytest.fixture
def holds(tmp_path: Path) -> Iterator[Holds]:
    with holds_in(tmp_path) as made:
        yield made


def statuses(make: Maker, endpoint: Endpoint) -> list[str]:
    return [item["status"] for item in make.executions(endpoint.name)]


# What a call finds


def test_a_pod_keeps_what_the_module_holds(shared: Endpoint) -> None:
    first, second = shared.do("count"), shared.do("count")
    assert second["calls"] == first["calls"] + 1
    assert second["pid"] == first["pid"]


def test_one_call_at_a_time_and_the_others_pending_in_order(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint("do")
    calls = [holds.start(endpoint).begun()]
    for number in (2, 3):
        calls.append(holds.start(endpoint))
        wait_for_statuses(make, endpoint, ["Running"] + ["Pending"] * (number - 1))
    shown = make.sdk.get_deployment(endpoint.name)
    assert (shown["running"], shown["waiting"]) == (1, 2)
    waiting = make.executions(endpoint.name)[-1]
    assert waiting["start_date"] is None

    calls[0].result()
    calls[1].begun()
    assert not calls[2].has_begun
    wait_for_statuses(make, endpoint, ["Succeeded", "Running", "Pending"])
    for call in calls[1:]:
        assert call.result().status_code == 200
    found = make.executions(endpoint.name)
    assert [item["status"] for item in found] == ["Succeeded"] * 3
    for earlier, later in itertools.pairwise(found):
        assert earlier["start_date"] < later["start_date"]


@pytest.mark.parametrize(("function", "what"), [("do", "hold"), ("do_async", "hold_async")])
def test_parallel_calls_run_in_threads_or_on_one_loop(
    make: Maker, holds: Holds, function: str, what: str
) -> None:
    endpoint = make.endpoint(
        function, enable_parallel_executions=True, max_parallel_executions_per_pod=2
    )
    calls = [holds.start(endpoint, what).begun() for _ in range(2)]
    third = holds.start(endpoint, what)
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Running", "Pending"])
    assert not third.has_begun
    answers = [call.result().json() for call in [*calls, third]]
    values = [answer["outputs"]["value"] for answer in answers]
    # Each finds its own id, and its own log, in what the process has only one of.
    assert [value["id"] for value in values] == [answer["execution_id"] for answer in answers]
    for answer in answers:
        lines = make.sdk.get_pipeline_execution_logs(answer["execution_id"])
        assert [line["message"] for line in lines] == [f"began {answer['execution_id']}"]
    threads = {value["thread"] for value in values[:2]}
    assert len(threads) == (2 if function == "do" else 1)


def test_an_async_function_takes_one_call_at_a_time_unless_told(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint("do_async")
    first, second = holds.start(endpoint, "hold_async").begun(), holds.start(endpoint, "hold_async")
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Pending"])
    assert first.result().status_code == second.result().status_code == 200


def test_variables_are_those_of_now_without_a_new_pod(make: Maker, shared: Endpoint) -> None:
    names = ["WARM_TEXT", "CRAFT_AI_EXECUTION_ID", "HEADRACE_EXECUTION_ID"]
    pid = shared.do("count")["pid"]
    make.sdk.create_or_update_environment_variable("WARM_TEXT", "one")
    assert shared.do("environ", names)["WARM_TEXT"] == "one"
    make.sdk.create_or_update_environment_variable("WARM_TEXT", "two")
    answer = shared.post({"what": "environ", "argument": names}).json()
    found = answer["outputs"]["value"]
    assert found.pop("WARM_TEXT") == "two"
    assert set(found.values()) == {answer["execution_id"]}
    make.sdk.delete_environment_variable("WARM_TEXT")
    assert shared.do("environ", names)["WARM_TEXT"] is None
    assert shared.do("count")["pid"] == pid


def test_code_in_a_pod_uses_the_api_and_finds_its_own_execution_at_once(shared: Endpoint) -> None:
    answer = shared.post({"what": "ask", "argument": ["GET", "/executions/SELF"]}).json()
    seen = answer["outputs"]["value"]
    assert (seen["execution_id"], seen["status"]) == (answer["execution_id"], "Running")
    assert seen["deployment_name"] == shared.name
    path = f"/deployments/{shared.name}"
    assert shared.do("ask", ["GET", path])["name"] == shared.name
    refused = shared.post({"what": "ask", "argument": ["DELETE", path]})
    assert refused.status_code == 500
    assert "403" in refused.json()["message"]


# What is on record


def test_a_fast_call_is_on_record_when_it_is_answered(make: Maker, shared: Endpoint) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    answer = shared.post({"what": "say", "argument": "good day"})
    assert answer.headers["craft-ai-execution-id"] == answer.json()["execution_id"]
    found = make.execution(answer.json()["execution_id"])
    assert (found["status"], found["deployment_name"]) == ("Succeeded", shared.name)
    assert [(i["pipeline_input_name"], i["value"]) for i in found["inputs"]] == [
        ("what", "say"),
        ("argument", "good day"),
    ]
    assert [(o["pipeline_output_name"], o["value"]) for o in found["outputs"]] == [("value", None)]
    times = [datetime.fromisoformat(found[k]) for k in ("created_at", "start_date", "end_date")]
    times = [before, *times, datetime.now(UTC)]
    assert times == sorted(times)
    logs = make.sdk.get_pipeline_execution_logs(found["execution_id"])
    assert [(line["message"], line["stream"]) for line in logs] == [("good day", "stdout")]
    assert make.sdk.get_deployment(shared.name)["last_execution_id"] == found["execution_id"]
    outputs = make.sdk.retrieve_pipeline_execution_outputs(found["execution_id"])
    assert outputs["outputs"] == {"value": None}


def test_a_slow_call_is_on_record_while_it_runs(
    make: Maker, shared: Endpoint, holds: Holds
) -> None:
    call = holds.start(shared).begun()
    wait_until(lambda: statuses(make, shared)[-1:] == ["Running"])
    found = make.execution(make.executions(shared.name)[-1]["execution_id"])
    assert found["inputs"][0]["value"] == "hold"
    assert found["outputs"][0]["value"] is None
    assert found["end_date"] is None
    assert found["start_date"] is not None
    answer = call.result().json()
    assert answer["execution_id"] == found["execution_id"]
    ended = make.execution(found["execution_id"])
    assert (ended["status"], ended["start_date"]) == ("Succeeded", found["start_date"])
    assert ended["outputs"][0]["value"] == answer["outputs"]["value"]


def test_failures_are_told_and_recorded(make: Maker, shared: Endpoint) -> None:
    pid = shared.do("count")["pid"]
    failed = []
    for what, argument, message, kind, status in [
        ("fail", "no luck", "ValueError: no luck", "user_error", "Failed"),
        ("leave", "exit", "sys.exit(3)", "exited", "Failed"),
        ("object", None, "value", "bad_output", "Failed"),
        ("hold", 5, "TypeError", "user_error", "Failed"),
    ]:
        answer = shared.post({"what": what, "argument": argument})
        body = answer.json()
        assert (answer.status_code, body["name"]) == (500, "PipelineExecutionFailed"), body
        assert message in body["message"]
        details = body["additional_data"]
        assert (details["failure"], details["status"]) == (kind, status)
        failed.append(details["execution_id"])
        found = make.execution(failed[-1])
        assert found["status"] == status
        assert found["failure"] == {"kind": kind, "message": body["message"]}
    # The pod is none the worse for it.
    assert shared.do("count")["pid"] == pid
    logs = make.sdk.get_pipeline_execution_logs(failed[0])
    messages = [line["message"] for line in logs]
    assert messages[0] == "about to fail"
    assert messages[-1] == "ValueError: no luck"


def test_a_call_during_which_the_pod_ends_is_an_error(make: Maker, shared: Endpoint) -> None:
    before = shared.do("count")
    answer = shared.post({"what": "leave", "argument": "os"})
    details = answer.json()["additional_data"]
    assert (answer.status_code, details["failure"], details["status"]) == (
        500,
        "worker_lost",
        "Error",
    )
    assert make.execution(details["execution_id"])["status"] == "Error"
    after = shared.do("count")
    assert after["calls"] == 1
    assert after["pid"] != before["pid"]


# Limits, cancelling, waiting


@pytest.mark.parametrize(
    ("function", "what", "is_parallel", "ends"),
    [
        ("do_async", "sleep_async", True, True),
        ("do", "sleep", True, True),
        ("do_async", "sleep_async", None, True),
        ("do", "sleep", None, False),
    ],
)
def test_the_four_cases_of_a_time_limit(
    make: Maker, function: str, what: str, is_parallel: bool | None, ends: bool
) -> None:
    endpoint = make.endpoint(
        function, enable_parallel_executions=is_parallel, execution_timeout_s=1
    )
    answer = endpoint.post({"what": what, "argument": 30 if ends else 1.5})
    if not ends:
        assert answer.status_code == 200
        return
    assert answer.json()["additional_data"]["failure"] == "timeout"
    assert "within 1 s" in answer.json()["message"]
    assert endpoint.do("count")["calls"] == 1


def test_running_and_waiting_calls_are_cancelled(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint("do_async")
    running = holds.start(endpoint, "hold_async").begun()
    waiting = holds.start(endpoint, "hold_async")
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Pending"])
    ids = [item["execution_id"] for item in make.executions(endpoint.name)]
    for execution_id, call in ((ids[1], waiting), (ids[0], running)):
        cancelled = make.sdk.cancel_pipeline_execution(execution_id)
        assert cancelled["status"] == "Failed"
        answer = call.answer.result(30).json()
        assert answer["additional_data"]["failure"] == "cancelled"
        assert answer["additional_data"]["execution_id"] == execution_id
        assert make.execution(execution_id)["failure"]["kind"] == "cancelled"
    assert not waiting.has_begun
    assert endpoint.do("count")["calls"] == 1
    with pytest.raises(Conflict):
        make.sdk.cancel_pipeline_execution(ids[0])


def test_results_are_fetched_later(make: Maker, shared: Endpoint, holds: Holds) -> None:
    call = holds.start(shared, headers={"Prefer": "wait=0"})
    answer = call.answer.result(30)
    assert answer.status_code == 303
    assert make.execution(answer.json()["execution_id"])["status"] in {"Pending", "Running"}
    call.let_go()
    results = shared.http.get(answer.headers["location"]).json()
    assert results["execution_id"] == answer.json()["execution_id"]
    assert results["outputs"]["value"]["id"] == results["execution_id"]
    for headers, status in (({"Prefer": "respond-async"}, 202), (CLIENT, 303)):
        answer = shared.post({"what": "give", "argument": [status]}, headers=headers)
        assert answer.status_code == status
        assert answer.headers["craft-ai-execution-id"] == answer.json()["execution_id"]
        results = shared.http.get(answer.headers["location"]).json()
        assert results["outputs"] == {"value": [status]}


def test_a_repeated_key_returns_the_first_execution(make: Maker, shared: Endpoint) -> None:
    headers = {"Idempotency-Key": "only-once"}
    answers: list[Any] = []

    def call() -> None:
        answers.append(shared.post({"what": "count", "argument": 1}, headers=headers).json())

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers)
    other = shared.post({"what": "count", "argument": 2}, headers=headers)
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["message"]


def test_the_wrapped_form_and_both_ways_of_the_sdk(make: Maker, shared: Endpoint) -> None:
    url = shared.url.replace("/endpoints/", "/endpoints/v1/")
    answer = shared.post({"what": "give", "argument": 4}, url=url)
    assert answer.json()["outputs"] == {"value": {"value": 4}}
    inputs = {"what": "give", "argument": {"a": [1]}}
    for token in (shared.token, None):
        result = make.sdk.trigger_endpoint(shared.name, token, inputs)
        assert result["outputs"] == {"value": {"a": [1]}}
        with pytest.raises(PipelineExecutionFailed, match="no luck"):
            make.sdk.trigger_endpoint(shared.name, token, {"what": "fail", "argument": "no luck"})


def test_its_url_its_name_and_its_newest_token_are_good(make: Maker) -> None:
    made = make.create("add", endpoint_url_path=f"path-{make.pipeline('add')}")
    endpoint = make.seen(made)
    body = {"number1": 1, "number2": 2}
    named = endpoint.url.replace(made["endpoint_url_path"], endpoint.name)
    for url in (endpoint.url, named, endpoint.url):
        assert endpoint.post(body, url=url).json()["outputs"] == {"number3": 3}
    renewed = make.sdk.generate_new_endpoint_token(endpoint.name)["endpoint_token"]
    for url in (endpoint.url, named):
        assert endpoint.post(body, url=url).status_code == 401
        headers = {"Authorization": f"EndpointToken {renewed}"}
        assert endpoint.post(body, url=url, headers=headers).status_code == 200


def test_failed_executions_are_attempted_again(make: Maker, tmp_path: Path) -> None:
    endpoint = make.endpoint("do", retries=1, retry_backoff_s=0.1)
    answer = endpoint.post({"what": "fail_first", "argument": str(tmp_path / "marker")}).json()
    found = make.execution(answer["execution_id"])
    assert (found["status"], found["attempt"]) == ("Succeeded", 2)
    assert found["attempts"][0]["failure"]["message"] == "RuntimeError: not yet"
    lost = endpoint.post({"what": "leave", "argument": "os"})
    details = lost.json()["additional_data"]
    assert details["failure"] == "worker_lost"
    assert make.execution(details["execution_id"])["attempt"] == 2


# Mappings


def test_every_mapping_of_inputs_and_outputs(make: Maker, tmp_path: Path) -> None:
    sdk = make.sdk
    sdk.create_or_update_environment_variable("WARM_NUMBER", "7")
    sdk.upload_data_store_object(io.BytesIO(b"abc"), "warm/in.bin")
    endpoint = make.endpoint(
        "describe",
        inputs_mapping=[
            InputSource("text", endpoint_input_name="words", default_value="none"),
            InputSource("number", environment_variable_name="WARM_NUMBER"),
            InputSource("flag", is_null=True),
            InputSource("record", constant_value={"a": 1}),
            InputSource("items", endpoint_input_name="list", is_required=True),
            InputSource("document", datastore_path="warm/in.bin"),
        ],
        outputs_mapping=[
            OutputDestination("seen", endpoint_output_name="result"),
            OutputDestination("copy", datastore_path="warm/{execution_id}.bin"),
        ],
    )
    seen = {"text": "hi", "number": 7, "flag": None, "record": {"a": 1}, "items": [1]}
    answer = endpoint.post({"words": "hi", "list": [1]}).json()
    assert answer["outputs"] == {"result": seen}
    sdk.download_data_store_object(f"warm/{answer['execution_id']}.bin", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"cba"
    sdk.create_or_update_environment_variable("WARM_NUMBER", "8")
    sdk.upload_data_store_object(io.BytesIO(b"xyz"), "warm/in.bin")
    sdk.update_deployment(endpoint.name, inputs_mapping=[InputSource("record", constant_value=[2])])
    answer = endpoint.post({"list": []}).json()
    changed = {"text": "none", "number": 8, "record": [2], "items": []}
    assert answer["outputs"] == {"result": seen | changed}
    sdk.download_data_store_object(f"warm/{answer['execution_id']}.bin", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"zyx"
    inputs = {i["pipeline_input_name"]: i for i in make.execution(answer["execution_id"])["inputs"]}
    assert inputs["number"]["environment_variable_name"] == "WARM_NUMBER"
    assert inputs["number"]["value"] is None
    assert inputs["document"]["datastore_path"] == "warm/in.bin"


def test_late_values_of_plain_calls(make: Maker) -> None:
    make.sdk.create_or_update_environment_variable("WARM_FIRST", "5")
    endpoint = make.endpoint(
        "add",
        inputs_mapping=[
            InputSource("number1", environment_variable_name="WARM_FIRST"),
            InputSource("number2", constant_value=2),
        ],
        outputs_mapping=[OutputDestination("number3", endpoint_output_name="sum")],
    )
    for text, total in (("5", 7), ("6.5", 8.5)):
        make.sdk.create_or_update_environment_variable("WARM_FIRST", text)
        # Where nothing comes from the call, what it brings is ignored.
        assert endpoint.post({"anything": 1}).json()["outputs"] == {"sum": total}
    make.sdk.update_deployment(
        endpoint.name, inputs_mapping=[InputSource("number2", constant_value=1)]
    )
    answer = endpoint.post({}).json()
    assert answer["outputs"] == {"sum": 7.5}
    found = make.execution(answer["execution_id"])
    assert [item["value"] for item in found["inputs"]] == [None, 1]


def test_a_file_goes_in_and_out(make: Maker) -> None:
    endpoint = make.endpoint("describe")
    answer = endpoint.post(
        None, data={"text": "hi", "number": "4"}, files={"document": ("d.bin", b"\x00\x01")}
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.content == b"\x01\x00"
    found = make.sdk.get_pipeline_execution(answer.headers["craft-ai-execution-id"])
    outputs = {item["pipeline_output_name"]: item["value"] for item in found["outputs"]}
    assert outputs["copy"] == b"\x01\x00"
    assert outputs["seen"]["number"] == 4
    result = make.sdk.trigger_endpoint(endpoint.name, endpoint.token, {"document": b"ab"})
    assert result["outputs"]["copy"] == b"ba"


def test_a_percent_sign_is_only_a_percent_sign(make: Maker) -> None:
    """Rows and answers are made from templates, of which constants are a part."""
    value = "100% %s %d %%"
    endpoint = make.endpoint(
        "do",
        inputs_mapping=[
            InputSource("what", endpoint_input_name="what"),
            InputSource("argument", constant_value=value),
        ],
    )
    answer = endpoint.post({"what": "give"})
    assert answer.json()["outputs"] == {"value": value}
    execution = make.execution(answer.json()["execution_id"])
    inputs = {item["pipeline_input_name"]: item for item in execution["inputs"]}
    assert (inputs["argument"]["constant_value"], inputs["argument"]["value"]) == (value, value)
    assert execution["outputs"][0]["value"] == value
