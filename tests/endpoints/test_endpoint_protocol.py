"""The protocol of endpoints, as callers of every kind see it."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from headrace import (
    Conflict,
    HeadraceSdk,
    Input,
    InputSource,
    InUse,
    InvalidMapping,
    InvalidRequest,
    Output,
    OutputDestination,
    PipelineExecutionFailed,
    Unauthenticated,
)
from headrace.wire.answers import MAX_HOLD_S

SOURCE = '''\
import os
import time
from pathlib import Path


def add(number1, number2):
    return {"number3": number1 + number2}


def sized(document, label):
    content = Path(document["path"]).read_bytes() if document else b""
    Path("out.bin").write_bytes(content[::-1])
    return {"size": len(content), "reversed": {"path": "out.bin"}, "label": label}


def slow(seconds):
    time.sleep(seconds)
    return {"done": True}


def fail(message):
    raise RuntimeError(message)


def call(first, second):
    """Call one endpoint, and another one when that fails."""
    import json
    import urllib.error
    import urllib.request

    for name, token in (first, second):
        request = urllib.request.Request(
            f"{os.environ['CRAFT_AI_ENVIRONMENT_URL']}/endpoints/{name}",
            data=b'{"number1": 40, "number2": 2}',
            headers={"Authorization": f"EndpointToken {token}"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return {"answer": json.load(answer)["outputs"]}
        except urllib.error.HTTPError as error:
            print("failed with", error.code)
'''


@pytest.fixture(scope="module")
def sdk(server: Any) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("endpoint-code")
    (made / "work.py").write_text(SOURCE)
    return made


def named(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


class Maker:
    """Makes pipelines and endpoints with names of their own."""

    def __init__(self, sdk: HeadraceSdk, folder: Path) -> None:
        self.sdk = sdk
        self.folder = folder
        self.pipelines: dict[str, str] = {}

    def pipeline(self, function: str) -> str:
        if function not in self.pipelines:
            name = named(function)
            inputs, outputs = {
                "add": (
                    [
                        Input("number1", "number", is_required=True),
                        Input("number2", "number", default_value=1),
                    ],
                    [Output("number3", "number")],
                ),
                "sized": (
                    [Input("document", "file"), Input("label", "string")],
                    [
                        Output("size", "number"),
                        Output("reversed", "file"),
                        Output("label", "string"),
                    ],
                ),
                "slow": ([Input("seconds", "number")], [Output("done", "boolean")]),
                "fail": ([Input("message", "string")], []),
                "call": (
                    [Input("first", "array"), Input("second", "array")],
                    [Output("answer", "json")],
                ),
            }[function]
            self.sdk.create_pipeline(
                pipeline_name=name,
                function_path="work.py",
                function_name=function,
                container_config={"local_folder": str(self.folder)},
                inputs=inputs,
                outputs=outputs,
            )
            self.pipelines[function] = name
        return self.pipelines[function]

    def endpoint(self, function: str, **more: Any) -> dict[str, Any]:
        return self.sdk.create_deployment(
            pipeline_name=self.pipeline(function),
            deployment_name=more.pop("deployment_name", named(f"{function}-endpoint")),
            execution_rule="endpoint",
            **more,
        )


@pytest.fixture(scope="module")
def make(sdk: HeadraceSdk, folder: Path) -> Maker:
    return Maker(sdk, folder)


def post(endpoint: dict[str, Any], json: Any = None, **more: Any) -> httpx.Response:
    token = more.pop("token", endpoint["endpoint_token"])
    headers = {"Authorization": f"EndpointToken {token}", **more.pop("headers", {})}
    return httpx.post(endpoint["endpoint_url"], json=json, headers=headers, timeout=60, **more)


def test_a_plain_post_answers_with_the_outputs(make: Maker) -> None:
    answer = post(make.endpoint("add"), {"number1": 9, "number2": 6})
    assert answer.status_code == 200
    assert answer.json()["outputs"] == {"number3": 15}
    assert answer.headers["craft-ai-execution-id"] == answer.json()["execution_id"]


def test_the_wrapped_form(make: Maker) -> None:
    endpoint = make.endpoint("add")
    url = endpoint["endpoint_url"].replace("/endpoints/", "/endpoints/v1/")
    answer = post({**endpoint, "endpoint_url": url}, {"number1": 1})
    assert answer.json()["outputs"] == {"number3": {"value": 2}}


def test_a_client_is_redirected_at_once_to_results_that_need_no_header(make: Maker) -> None:
    endpoint = make.endpoint("add")
    answer = post(endpoint, {"number1": 1}, headers={"craft-ai-client": "craft-ai-sdk@0.74.7"})
    assert answer.status_code == 303
    execution_id = answer.json()["execution_id"]
    assert answer.headers["craft-ai-execution-id"] == execution_id
    for method in ("GET", "POST"):
        result = httpx.request(method, answer.headers["location"], timeout=60)
        assert result.json() == {"execution_id": execution_id, "outputs": {"number3": 2}}


def test_an_answer_past_the_wait_is_a_redirection_that_ends_with_the_outputs(make: Maker) -> None:
    endpoint = make.endpoint("slow")
    answer = post(endpoint, {"seconds": 1.5}, headers={"Prefer": "wait=0"})
    assert answer.status_code == 303
    body = answer.json()
    assert body["results_url"] == answer.headers["location"]
    assert (body["status"], body["execution_id"]) == (
        "accepted",
        answer.headers["craft-ai-execution-id"],
    )
    assert "results_url" in body["message"]
    assert httpx.get(answer.headers["location"], timeout=60).json()["outputs"] == {"done": True}


def test_curl_that_follows_nothing_is_told_where_the_result_will_be(make: Maker) -> None:
    endpoint = make.endpoint("slow")
    headers = [f"Authorization: EndpointToken {endpoint['endpoint_token']}", "Prefer: wait=0"]
    options = [part for line in headers for part in ("-H", line)]
    body = ["--json", '{"seconds": 0.5}']
    said = subprocess.run(
        ["curl", "--silent", *options, *body, endpoint["endpoint_url"]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "has not ended yet" in said
    url = json.loads(said)["results_url"]
    assert httpx.get(url, timeout=60).json()["outputs"] == {"done": True}


def test_the_public_client_is_told_what_it_knows(make: Maker) -> None:
    headers = {"craft-ai-client": "craft-ai-sdk@0.74.7"}
    assert set(post(make.endpoint("add"), {"number1": 1}, headers=headers).json()) == {
        "execution_id"
    }


def test_no_request_is_held_for_longer_than_callers_wait() -> None:
    """Public programs read with a timeout of 30 s."""
    assert MAX_HOLD_S == 25


def test_respond_async_answers_202_with_where_the_results_will_be(make: Maker) -> None:
    answer = post(make.endpoint("slow"), {"seconds": 0.5}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["results_url"]
    assert httpx.get(answer.headers["location"], timeout=60).json()["outputs"] == {"done": True}


def test_a_repeated_key_returns_the_first_execution(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("add")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = post(endpoint, {"number1": 1}, headers=key).json()
    assert post(endpoint, {"number1": 1}, headers=key).json() == first
    other = post(endpoint, {"number1": 2}, headers=key)
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["message"]
    assert post(make.endpoint("add"), {"number1": 2}, headers=key).status_code == 200
    pipeline = make.pipeline("add")
    mine = [
        item
        for item in sdk.list_pipeline_executions(pipeline)
        if item["deployment_name"] == endpoint["name"]
    ]
    assert [item["execution_id"] for item in mine] == [first["execution_id"]]


def test_a_key_used_by_many_at_once_starts_one_execution(make: Maker) -> None:
    endpoint = make.endpoint("slow")
    answers: list[str] = []

    def call() -> None:
        answer = post(endpoint, {"seconds": 0.3}, headers={"Idempotency-Key": "the-same"})
        answers.append(answer.json()["execution_id"])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"number2": 1}, ["number1", "required"]),
        ({"number1": "9"}, ["number1", "number", '"9"', "1.5"]),
        ({"number1": 9, "number2": True, "number9": 1}, ["number2", "number9", "true"]),
        ([1], ["object"]),
    ],
)
def test_inputs_are_checked_before_anything_runs(
    make: Maker, sdk: HeadraceSdk, body: Any, words: list[str]
) -> None:
    endpoint = make.endpoint("add")
    answer = post(endpoint, body)
    assert answer.status_code == 400
    assert sdk.get_deployment(endpoint["name"])["last_execution_id"] is None
    for word in words:
        assert word in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"number1": 1}', "text/plain", 200),
        (b"number1=4&number2=5", "application/x-www-form-urlencoded", 200),
        (b'{"number1": 1}', "application/x-www-form-urlencoded", 200),
        (b"\xff\xfe", "application/octet-stream", 400),
        (b"x" * 2_000_000, "application/json", 413),
        (b'{"number1": "' + b"1" * 70_000 + b'"}', "application/json", 413),
    ],
)
def test_bodies_of_every_kind(make: Maker, body: bytes, content_type: str, status: int) -> None:
    endpoint = make.endpoint("add")
    answer = httpx.post(
        endpoint["endpoint_url"],
        content=body,
        headers={
            "Authorization": f"EndpointToken {endpoint['endpoint_token']}",
            "Content-Type": content_type,
        },
        timeout=60,
    )
    assert answer.status_code == status, answer.text
    assert "outputs" in answer.json() or "message" in answer.json()


def test_a_file_goes_in_and_out_by_curl(make: Maker, tmp_path: Path) -> None:
    endpoint = make.endpoint("sized")
    (tmp_path / "in.bin").write_bytes(bytes(range(256)))
    command = [
        "curl", "--silent", "--fail", "--location", "--dump-header", tmp_path / "headers",
        "--form", f"document=@{tmp_path / 'in.bin'}", "--form", "label=123",
        "--header", f"Authorization: EndpointToken {endpoint['endpoint_token']}",
        endpoint["endpoint_url"],
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == bytes(range(256))[::-1]
    headers = (tmp_path / "headers").read_text().lower()
    assert "application/octet-stream" in headers


FILES = {
    "table.csv": ("text/csv", "table.csv"),
    "Bild \u00e9\u8868.PNG": ("image/png", "Bild __.PNG"),
    "page.html": ("text/html", "page.html"),
    'a"b\\c.svg': ("image/svg+xml", "a_b_c.svg"),
    "data.json": ("application/json", "data.json"),
    "model.tar.gz": ("application/gzip", "model.tar.gz"),
    "model.pkl": ("application/octet-stream", "model.pkl"),
    "no suffix": ("application/octet-stream", "no suffix"),
}


@pytest.fixture(scope="module")
def any_file(sdk: HeadraceSdk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An endpoint that answers with a file of a given name."""
    folder = tmp_path_factory.mktemp("named")
    (folder / "main.py").write_text(
        "def fn(name):\n"
        "    with open(name, 'w') as file:\n"
        "        file.write('content')\n"
        "    return {'made': {'path': name}}\n"
    )
    name = named("protocol")
    sdk.create_pipeline(
        name,
        "main.py",
        "fn",
        container_config={"local_folder": str(folder)},
        inputs=[Input("name", "string")],
        outputs=[Output("made", "file")],
    )
    return dict(sdk.create_deployment(name, name, "endpoint"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_name_and_type_that_the_function_gave_it(
    any_file: dict[str, Any], name: str
) -> None:
    kind, plain = FILES[name]
    called = post(any_file, json={"name": name})
    execution_id = called.headers["craft-ai-execution-id"]
    access = {"Authorization": f"EndpointToken {any_file['endpoint_token']}"}
    results = f"{any_file['endpoint_url']}/executions/{execution_id}"
    old = httpx.get(results, headers=access | {"User-Agent": "python-requests/2.31.0"})
    asked = httpx.get(results, headers=access)
    wrapped = httpx.get(results.replace("/endpoints/", "/endpoints/v1/"), headers=access).json()
    fetched = httpx.get(wrapped["outputs"]["made"]["url"], headers=access)
    for answer in (called, asked, fetched, old):
        assert answer.content == b"content"
        assert answer.headers["x-content-type-options"] == "nosniff"
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
        assert unquote(disposition.split("UTF-8''")[1].partition(";")[0]) == name
        of_old = answer is old
        found = answer.headers["content-type"].partition(";")[0]
        assert found == ("application/octet-stream" if of_old else kind)
    # What the public client of that time makes of it.
    assert old.headers["content-disposition"].split(f"_{execution_id}_")[1] == "made"


def test_a_file_and_values_by_the_sdk(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("sized")
    for token in (endpoint["endpoint_token"], None):
        result = sdk.trigger_endpoint(
            endpoint["name"], token, inputs={"document": b"abc", "label": "true"}
        )
        assert result["outputs"] == {"size": 3, "reversed": b"cba", "label": "true"}


def test_a_file_that_is_too_large_is_refused(own_server: Any, folder: Path) -> None:
    small = own_server(HEADRACE_MAX_UPLOAD_BYTES="1KB")
    with HeadraceSdk(sdk_token=small.token, environment_url=small.url) as sdk:
        endpoint = Maker(sdk, folder).endpoint("sized")
    answer = post(endpoint, files={"document": ("big", b"x" * 2000)})
    assert answer.status_code == 413
    assert "1,000 bytes" in answer.json()["message"]


def test_a_failing_pipeline_answers_500_with_the_users_message(make: Maker) -> None:
    answer = post(make.endpoint("fail"), {"message": "no luck"})
    assert answer.status_code == 500
    assert answer.json()["message"] == "RuntimeError: no luck"
    assert "Traceback" not in answer.text


def test_tokens_are_told_apart(make: Maker) -> None:
    endpoint, other = make.endpoint("add"), make.endpoint("add")
    assert post(endpoint, {"number1": 1}, token="wrong").status_code == 401
    assert post(endpoint, {"number1": 1}, token=other["endpoint_token"]).status_code == 401
    assert httpx.post(endpoint["endpoint_url"], json={}).status_code == 401
    unknown = {**endpoint, "endpoint_url": endpoint["endpoint_url"] + "x"}
    assert post(unknown, {}).status_code == 404
    mine = post(endpoint, {"number1": 1}).json()["execution_id"]
    theirs = f"{other['endpoint_url']}/executions/{mine}?token={other['endpoint_token']}"
    assert httpx.get(theirs).status_code == 404


def test_a_new_token_is_good_and_the_old_one_void_at_once(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("add", endpoint_token="chosen.by~me-1")
    assert endpoint["endpoint_token"] == "chosen.by~me-1"
    renewed = sdk.generate_new_endpoint_token(endpoint["name"])["endpoint_token"]
    assert post(endpoint, {"number1": 1}).status_code == 401
    assert post(endpoint, {"number1": 1}, token=renewed).status_code == 200
    assert sdk.get_deployment(endpoint["name"])["endpoint_token"] == renewed
    chosen = sdk.generate_new_endpoint_token(endpoint["name"], "another-one")
    assert chosen == {"endpoint_token": "another-one"}
    with pytest.raises(InvalidRequest, match="endpoint_token"):
        sdk.generate_new_endpoint_token(endpoint["name"], "with spaces")


def test_a_disabled_deployment_refuses_calls_until_it_is_enabled(
    make: Maker, sdk: HeadraceSdk
) -> None:
    endpoint = make.endpoint("add")
    assert sdk.update_deployment(endpoint["name"], is_enabled=False)["status"] == "disabled"
    answer = post(endpoint, {"number1": 1})
    assert answer.status_code == 409
    assert "disabled" in answer.json()["message"]
    with pytest.raises(Conflict):
        sdk.trigger_endpoint(endpoint["name"], inputs={"number1": 1})
    assert sdk.update_deployment(endpoint["name"], is_enabled=True)["status"] == "up"
    assert post(endpoint, {"number1": 1}).status_code == 200


def test_only_values_of_a_mapping_can_change(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint(
        "add",
        inputs_mapping=[
            InputSource("number1", constant_value=1),
            InputSource("number2", endpoint_input_name="n"),
        ],
    )
    changed = [InputSource("number1", constant_value=5)]
    shown = sdk.update_deployment(endpoint["name"], inputs_mapping=changed)
    assert shown["inputs_mapping"][0]["constant_value"] == 5
    assert post(endpoint, {"n": 2}).json()["outputs"] == {"number3": 7}
    for wrong in (
        [InputSource("number1", is_null=True)],
        [InputSource("number2", endpoint_input_name="m")],
        [InputSource("number1", constant_value="text")],
        [InputSource("number9", constant_value=1)],
    ):
        with pytest.raises(InvalidMapping):
            sdk.update_deployment(endpoint["name"], inputs_mapping=wrong)
    assert post(endpoint, {"n": 2}).json()["outputs"] == {"number3": 7}


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([InputSource("number1", constant_value="nine")], [], ["number1", "number", '"nine"']),
        ([InputSource("number9", is_null=True)], [], ["number9", "number1"]),
        ([InputSource("number1", is_null=True)] * 2, [], ["number1", "2 times"]),
        (
            [InputSource("number1", endpoint_input_name="n", default_value="x")],
            [],
            ["number1", "default_value"],
        ),
        ([InputSource("number1", datastore_path="a/b")], [], ["number1", "file"]),
        (
            [InputSource(n, endpoint_input_name="same") for n in ("number1", "number2")],
            [],
            ["same"],
        ),
        ([], [OutputDestination("number3", datastore_path="a/b")], ["number3", "file"]),
        (
            [InputSource("number1", constant_value="a"), InputSource("other", is_null=True)],
            [],
            ["number1", "other"],
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_whole(
    make: Maker, sdk: HeadraceSdk, inputs: Any, outputs: Any, words: list[str]
) -> None:
    name = named("refused")
    with pytest.raises(InvalidMapping) as caught:
        make.endpoint("add", deployment_name=name, inputs_mapping=inputs, outputs_mapping=outputs)
    for word in words:
        assert word in caught.value.message
    assert name not in {item["name"] for item in sdk.list_deployments()}


def test_names_and_paths_never_lead_to_two_endpoints(make: Maker) -> None:
    first = make.endpoint("add", endpoint_url_path=named("path"))
    for taken in (first["name"], first["endpoint_url_path"]):
        with pytest.raises(Conflict, match=taken):
            make.endpoint("add", deployment_name=taken)
        with pytest.raises(Conflict, match=taken):
            make.endpoint("add", endpoint_url_path=taken)
    by_name = {
        **first,
        "endpoint_url": first["endpoint_url"].replace(first["endpoint_url_path"], first["name"]),
    }
    assert post(by_name, {"number1": 1}).status_code == 200
    with pytest.raises(InvalidRequest, match="reserved"):
        make.endpoint("add", endpoint_url_path="v1")


def test_a_time_limit_of_the_deployment(make: Maker) -> None:
    answer = post(make.endpoint("slow", execution_timeout_s=0.5), {"seconds": 60})
    assert answer.status_code == 500
    assert "0.5 s" in answer.json()["message"]


def test_deployments_hold_their_pipeline(make: Maker, sdk: HeadraceSdk, folder: Path) -> None:
    own = Maker(sdk, folder)
    endpoint = own.endpoint("add")
    pipeline = own.pipeline("add")
    with pytest.raises(InUse, match=endpoint["name"]):
        sdk.delete_pipeline(pipeline)
    assert sdk.delete_pipeline(pipeline, force_deployments_deletion=True) == {
        "pipeline": {"name": pipeline},
        "deployments": [{"name": endpoint["name"], "execution_rule": "endpoint"}],
    }
    assert post(endpoint, {"number1": 1}).status_code == 404


def test_a_deleted_deployment_leaves_its_executions(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("add")
    execution_id = post(endpoint, {"number1": 1}).json()["execution_id"]
    deleted = sdk.delete_deployment(endpoint["name"])
    assert deleted == {"name": endpoint["name"], "execution_rule": "endpoint"}
    shown = sdk.get_pipeline_execution(execution_id)
    assert shown["deployment_name"] == endpoint["name"]
    assert shown["inputs"][0]["endpoint_input_name"] == "number1"
    assert post(endpoint, {"number1": 1}).status_code == 404


def test_an_execution_calls_an_endpoint_and_another_one_when_that_fails(
    make: Maker, sdk: HeadraceSdk
) -> None:
    broken, good = (
        make.endpoint("fail", inputs_mapping=[InputSource("message", constant_value="broken")]),
        make.endpoint("add"),
    )
    pairs = [[e["name"], e["endpoint_token"]] for e in (broken, good)]
    result = sdk.run_pipeline(make.pipeline("call"), inputs={"first": pairs[0], "second": pairs[1]})
    assert result["outputs"] == {"answer": {"number3": 42}}
    logs = sdk.get_pipeline_execution_logs(result["execution_id"])
    assert [line["message"] for line in logs] == ["failed with 500"]


def test_results_of_a_deleted_execution_are_gone(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("add")
    execution_id = post(endpoint, {"number1": 1}).json()["execution_id"]
    sdk.delete_pipeline_execution(execution_id)
    url = f"{endpoint['endpoint_url']}/executions/{execution_id}"
    assert httpx.get(f"{url}?token={endpoint['endpoint_token']}").status_code == 404
    with pytest.raises(Unauthenticated):
        sdk.retrieve_endpoint_results(endpoint["name"], execution_id, "wrong")


def test_a_failed_call_raises_in_the_sdk(make: Maker, sdk: HeadraceSdk) -> None:
    endpoint = make.endpoint("fail")
    for token in (endpoint["endpoint_token"], None):
        with pytest.raises(PipelineExecutionFailed, match="oh no"):
            sdk.trigger_endpoint(endpoint["name"], token, inputs={"message": "oh no"})


def test_at_most_one_file_each_way(make: Maker, sdk: HeadraceSdk, folder: Path) -> None:
    name = named("two-files")
    sdk.create_pipeline(
        pipeline_name=name,
        function_path="work.py",
        function_name="add",
        container_config={"local_folder": str(folder)},
        inputs=[Input("number1", "file"), Input("number2", "file")],
    )
    with pytest.raises(InvalidMapping, match=r"one file.*number1, number2"):
        sdk.create_deployment(name, named("refused"), "endpoint")
    sdk.create_deployment(
        name, named("taken"), "endpoint", inputs_mapping=[InputSource("number2", is_null=True)]
    )
