"""What a caller with the public client's header is sent: the contract's keys, and no others."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from headrace import HeadraceSdk, Input, Output
from headrace.wire import object_routes, routes
from headrace.wire.eras.keys import CONTRACT_ROUTES
from headrace.wire.route import Route

CONFIG = """language repository_url repository_branch included_folders system_dependencies
    dockerfile_path requirements_path"""
PIPELINE = f"""parameters creation_info
    parameters: pipeline_name function_path function_name description inputs outputs
        container_config
    parameters.inputs: name data_type description is_required default_value
    parameters.outputs: name data_type description
    parameters.container_config: {CONFIG}
    creation_info: created_at created_by commit_id status origin pipeline_template id is_archived"""
LISTED_EXECUTION = """execution_id status created_at created_by end_date pipeline_name
    deployment_name"""
OUTPUT = "pipeline_output_name step_output_name data_type mapping_type mapping_value value"
EXECUTION = f"""{LISTED_EXECUTION} inputs outputs steps
    inputs: pipeline_input_name step_input_name data_type mapping_type mapping_value value
    outputs: {OUTPUT}
    steps: name status start_date end_date commit_id repository_url repository_branch
        requirements_path origin"""
DEPLOYMENT = """id name mode pipeline execution_rule status inputs_mapping outputs_mapping
    created_at created_by updated_at updated_by is_enabled is_archived description
    pipeline: name id
    inputs_mapping: pipeline_input_name data_type description endpoint_input_name is_required
        default_value constant_value
    outputs_mapping: pipeline_output_name data_type description endpoint_output_name is_null"""
ENDPOINT = f"endpoint_token endpoint_url_path {DEPLOYMENT}"
PODS = f"""pods enable_parallel_executions max_parallel_executions_per_pod {ENDPOINT}
    pods: pod_id status"""
PERIODIC = f"schedule human_readable_schedule {DEPLOYMENT}"
USER = "id name email"
LINE = "timestamp message"
OBJECT = "path last_modified size"

OPAQUE = {"mapping_value", "default_value", "value", "fields", "headers", "constant_value"}
"""Keys whose values are the user's, or sent back as they are."""

SOURCE = """
def add(a, b):
    print("adding")
    return {"sum": a + b}


def fail():
    raise ValueError("on purpose")
"""


def paths(text: str) -> set[str]:
    """Read the keys of one of the texts above: those at the top, then those below a path."""
    found: set[str] = set()
    prefix = ""
    for word in text.split():
        if word.endswith(":"):
            prefix = f"{word[:-1]}."
        else:
            found.add(prefix + word)
    return found


def keys_in(value: Any, prefix: str = "") -> set[str]:
    """Return the paths of all keys in a value; an element of a list has that of the list."""
    if isinstance(value, list):
        return {path for element in value for path in keys_in(element, prefix)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, item in value.items():
        found.add(prefix + key)
        if key not in OPAQUE:
            found |= keys_in(item, f"{prefix}{key}.")
    return found


class Sweep:
    """Asks for one route after the other, and compares each answer with the contract."""

    def __init__(self, http: httpx.Client, root: str) -> None:
        self.http = http
        self.root = root
        self.asked: set[Route] = set()

    def __call__(
        self, route: Route, expected: str, names: dict[str, str] | None = None, **more: Any
    ) -> Any:
        """Send a request; ``more`` is what httpx takes. The keys must be exactly the expected."""
        self.asked.add(route)
        answer = self.http.request(route.method, self.root + route.url(**names or {}), **more)
        assert answer.status_code < 400, (route, answer.text)
        value = answer.json()
        assert keys_in(value) == paths(expected), route
        return value


@pytest.fixture(scope="module")
def names(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Names of a pipeline of each kind; deployments are deleted with them."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "main.py").write_text(SOURCE)
    suffix = uuid.uuid4().hex[:8]
    made = {
        kind: f"keys-{kind}-{suffix}" for kind in ("add", "fail", "warm", "fires", "calls", "steps")
    }
    made["variable"] = f"KEYS_{suffix}"
    with HeadraceSdk(server.token, server.url) as sdk:
        for kind, inputs, outputs in (
            ("add", [Input("a", "number"), Input("b", "number", default_value=1)], ["sum"]),
            ("fail", [], []),
        ):
            sdk.create_pipeline(
                made[kind],
                "main.py",
                kind,
                container_config={"local_folder": str(folder)},
                inputs=inputs,
                outputs=[Output(name, "number") for name in outputs],
            )
        yield made
        for kind in ("add", "fail"):
            sdk.delete_pipeline(made[kind], force_deployments_deletion=True)


@pytest.fixture
def sweep(server: Any) -> Iterator[Callable[[str], Sweep]]:
    """Makes sweeps as one version of the public client."""
    clients: list[httpx.Client] = []

    def make(client: str = "craft-ai-sdk@0.74.7") -> Sweep:
        url = server.url + routes.REFRESH.url()
        access = httpx.post(url, json={"refresh_token": server.token}).json()["access_token"]
        http = httpx.Client(
            headers={"authorization": f"Bearer {access}", "craft-ai-client": client}, timeout=60
        )
        clients.append(http)
        return Sweep(http, server.url)

    yield make
    for http in clients:
        http.close()


def deployment_request(names: dict[str, str], kind: str, **more: Any) -> dict[str, Any]:
    mapped = [{"pipeline_input_name": "b", "constant_value": 2}]
    return {
        "json": {"pipeline_name": names["add"], "name": names[kind], "inputs_mapping": mapped}
        | more
    }


def test_every_answer_has_the_keys_of_the_contract_and_no_others(
    server: Any, sweep: Callable[..., Sweep], names: dict[str, str]
) -> None:
    ask = sweep()
    status = "environment_status"
    info = ask(
        routes.ENVIRONMENT_INFO,
        f"""environment_id {status} version gpu_enabled supported_base_images
        supported_base_images: python""",
    )
    summary = ask(routes.ENVIRONMENT_SUMMARY, f"{status} {status}_updated_at")
    assert summary[status] == "ready"
    ask(
        routes.CHANGE_ENVIRONMENT,
        f"environment_id {status} {status}_updated_at",
        {"environment_id": info["environment_id"]},
        json={"status": "resuming-step-1"},
    )
    assert datetime.fromisoformat(summary[f"{status}_updated_at"]) <= datetime.now(UTC)
    ask(routes.REFRESH, "access_token", json={"refresh_token": server.token})
    me = ask(routes.ME, USER)
    ask(routes.USER, USER, {"user_id": me["id"]})
    ask(routes.PROJECT, CONFIG.replace("dockerfile_path", ""))
    variable = {"name": names["variable"]}
    ask(routes.SET_VARIABLES, "name", json={"environment_variables": {names["variable"]: 1}})
    ask(routes.SET_VARIABLE, "name", variable, data={"value": "grün"})
    assert {"name": names["variable"], "value": "grün"} in ask(routes.VARIABLES, "name value")
    ask(routes.DELETE_VARIABLE, "name value", variable)

    pipeline = {"name": names["add"]}
    ask(routes.PIPELINES, "pipeline_name created_at status")
    ask(routes.PIPELINE, PIPELINE, pipeline)
    ask(routes.PIPELINE, PIPELINE, pipeline, params={"wait_for_completion": "true"})
    ask(routes.DOWNLOAD_PIPELINE, "signed_url", pipeline)
    ask(routes.PIPELINE_LOGS, LINE, pipeline, json={})

    ran = ask(routes.RUN_PIPELINE, "execution_id", pipeline, data={"json_inputs": '{"a": 1}'})
    execution = {"execution_id": ran["execution_id"]}
    wait = {"wait_for_completion": "true"}
    ask(routes.EXECUTION_OUTPUTS, f"outputs outputs: {OUTPUT}", execution, params=wait)
    ask(routes.EXECUTION, EXECUTION, execution)
    ask(routes.EXECUTION_LOGS, LINE, execution, json={})
    of_pipeline = {"name": names["add"], **execution}
    ask(routes.EXECUTION_LOGS_OF_PIPELINE, LINE, of_pipeline, json={})
    ask(routes.PIPELINE_EXECUTIONS, LISTED_EXECUTION, pipeline)
    ask(routes.LATEST_EXECUTION, "execution_id", pipeline)
    failed = ask(routes.RUN_PIPELINE, "execution_id", {"name": names["fail"]}, data={})
    held = ask.http.get(f"{server.url}{routes.EXECUTION_OUTPUTS.url(**failed)}", params=wait)
    assert set(held.json()) == {"message", "name", "request_id", "additional_data"}
    ask(
        routes.EXECUTION,
        EXECUTION.partition("inputs:")[0] + EXECUTION[EXECUTION.index("steps:") :],
        failed,
    )

    calls, warm, fires = ({"name": names[kind]} for kind in ("calls", "warm", "fires"))
    asked = deployment_request(
        names, "calls", outputs_mapping=[{"pipeline_output_name": "sum", "is_null": True}]
    )
    of_calls = ENDPOINT.replace("endpoint_output_name", "")
    ask(routes.CREATE_ENDPOINT, of_calls, **asked)
    parallel = {"mode": "low_latency", "enable_parallel_executions": True}
    of_warm = PODS.replace("is_null", "")
    ask.http.post(
        f"{server.url}{routes.CREATE_ENDPOINT.url()}",
        **deployment_request(names, "warm", **parallel),
    )
    ask(routes.DEPLOYMENT, of_warm, warm, params=wait)
    mapped = [
        {"pipeline_input_name": "a", "constant_value": 1},
        {"pipeline_input_name": "b", "constant_value": 2},
    ]
    dropped = [{"pipeline_output_name": "sum", "is_null": True}]
    of_fires = PERIODIC.replace("endpoint_output_name", "")
    for word in ("endpoint_input_name", "is_required", "default_value"):
        of_fires = of_fires.replace(word, "")
    ask(
        routes.CREATE_PERIODIC,
        of_fires,
        **deployment_request(
            names,
            "fires",
            schedule="0 0 1 1 *",
            inputs_mapping=mapped,
            outputs_mapping=dropped,
            retries=2,
        ),
    )
    ask(routes.DEPLOYMENT, of_fires, fires)
    ask(routes.UPDATE_DEPLOYMENT, of_fires, fires, json={"schedule": "0 0 2 1 *"})
    ask(routes.DEPLOYMENTS, "name pipeline_name execution_rule mode is_enabled created_at")
    called = ask(routes.TRIGGER_DEPLOYMENT, "execution_id", calls, json={"a": 1})
    ask(routes.LATEST_DEPLOYMENT_EXECUTION, "execution_id", calls)
    ask.http.get(f"{server.url}{routes.EXECUTION_OUTPUTS.url(**called)}", params=wait)
    ask(routes.DEPLOYMENT_LOGS, f"{LINE} stream pod_id type", warm, json={})
    token = ask(routes.RENEW_ENDPOINT_TOKEN, "endpoint_token", calls)["endpoint_token"]

    with_token = {"authorization": f"EndpointToken {token}"}
    for route in (routes.ENDPOINT, routes.ENDPOINT_V1):
        ask(route, "execution_id", {"path": names["calls"]}, json={"a": 1}, headers=with_token)
    recorded = {"value": 1, "values": [1], **execution}
    whose = "name created_at execution_id deployment_name pipeline_name"
    for route in (routes.RECORD_METRIC, routes.RECORD_LIST_METRIC):
        ask(route, "name", {"name": "m"}, json=recorded)
    facts = "name version display_name description hosting_type model_family enabled"
    ask(routes.TEMPLATES, f"pipeline_templates pipeline_templates: {facts}")
    ask(
        routes.TEMPLATE,
        f"""{facts} inputs outputs recommended_inputs_mapping recommended_outputs_mapping
        inputs: name data_type description is_required default_value
        outputs: name data_type description
        recommended_inputs_mapping: pipeline_input_name data_type source endpoint_input_name
            constant_value is_required
        recommended_outputs_mapping: pipeline_output_name data_type destination datastore_path
            endpoint_output_name""",
        {"name": "csv-cleaner"},
    )
    ask.asked.add(routes.VECTOR_DATABASE)  # not set here: see the tests of the environment
    period = {"start": 1, "end": 2_000_000_000_000}
    whole = ask.http.get(ask.root + routes.RESOURCE_METRICS.url(), params=period).json()
    ask.asked.add(routes.RESOURCE_METRICS)
    assert whole.keys() == {"additional_data", "metrics"}
    ask(routes.METRICS, f"total_count metrics metrics: {whose} value")
    ask(routes.LIST_METRICS, f"total_count metrics metrics: {whose} values")
    ask(routes.DELETE_DEPLOYMENT, "name execution_rule", calls)
    ask(routes.DELETE_EXECUTION, "execution_id", execution)

    objects(ask)
    made = f"keys-made-{uuid.uuid4().hex[:8]}"
    creation = {"pipeline_name": made, "function_path": "f.py", "function_name": "f"}
    plain = PIPELINE.partition("parameters.inputs:")[0]
    plain += PIPELINE[PIPELINE.index("parameters.container_config:") :]
    ask(routes.CREATE_PIPELINE, plain, data=creation, files={"step_file": archive()})
    ask(routes.PIPELINE, plain, {"name": made}, params=wait)
    endpoint = {"pipeline_name": made, "name": made}
    ask.http.post(ask.root + routes.CREATE_ENDPOINT.url(), json=endpoint)
    steps(ask, made, plain)
    deleted = "pipeline deployments pipeline: name deployments: name execution_rule"
    force = {"force_deployments_deletion": "True"}
    ask(routes.DELETE_PIPELINE, deleted, {"name": made}, params=force)
    # Bare values, which are the user's.
    assert CONTRACT_ROUTES - ask.asked == {routes.EXECUTION_OUTPUT, routes.EXECUTION_INPUT}


def steps(ask: Sweep, made: str, plain: str) -> None:
    """Ask for all that is done with steps; ``plain`` are the keys of a pipeline without inputs."""
    step = plain.replace("pipeline_name", "step_name").replace("created_by", "updated_at")
    step = step.replace("pipeline_template is_archived", "").replace("pipeline_template", "")
    step = step.replace("is_archived", "")
    name = {"name": made}
    form = {"data": {"step_name": made, "function_path": "f.py", "function_name": "f"}}
    ask(routes.CREATE_STEP, step, **form, files={"step_file": archive()})
    ask(routes.STEP, step, name, params={"wait_for_completion": "true"})
    del form["data"]["step_name"]
    ask(routes.UPDATE_STEP, step, name, **form, files={"step_file": archive()})
    items = "step_name status created_at updated_at repository_branch repository_url commit_id"
    ask(routes.STEPS, f"{items} origin")
    ask(routes.STEP_LOGS, LINE, name, json={})
    ask(routes.DOWNLOAD_STEP, "signed_url", name)
    ask(routes.DELETE_STEP, "step_name", name)


def archive() -> bytes:
    """A folder with one function, as clients send it."""
    code = b"def f():\n    return {}\n"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        member = tarfile.TarInfo("f.py")
        member.size = len(code)
        tar.addfile(member, io.BytesIO(code))
    return content.getvalue()


def objects(ask: Sweep) -> None:
    """Ask for what the data store answers."""
    path = {"path_to_object": f"keys/{uuid.uuid4().hex}"}
    upload = ask(object_routes.UPLOAD_OBJECT, "signed_url fields", params=path)
    httpx.post(upload["signed_url"], data=upload["fields"], files={"file": b"abc"})
    ask(object_routes.OBJECT_INFORMATION, OBJECT, json=path)
    ask(
        object_routes.OBJECTS,
        f"items continuation_token items: {OBJECT}",
        params={"folder_path": "keys"},
    )
    ask(object_routes.DOWNLOAD_OBJECT, "signed_url", data=path)
    ask(object_routes.DELETE_OBJECT, "path", data=path)
    begun = ask(object_routes.BEGIN_UPLOAD, "multipart_upload_id", json=path)
    part = {"multipart_upload_configuration": begun, "chunk_size": 3, "part_number": 1, "size": 3}
    signed = ask(object_routes.UPLOAD_PART, "signed_url headers", json=path | part)
    etag = httpx.put(signed["signed_url"], content=b"abc").headers["etag"]
    parts = {"parts": [{"number": 1, "metadata": etag}]}
    ask(
        object_routes.END_UPLOAD,
        OBJECT,
        json=path | parts | {"multipart_upload_configuration": begun},
    )
    begun = ask(object_routes.BEGIN_UPLOAD, "multipart_upload_id", data=path)
    by_id = {"upload_id": begun["multipart_upload_id"]}
    number = path | {"part_number": "1"}
    signed = ask(object_routes.UPLOAD_PART_BY_ID, "signed_url", by_id, params=number)
    etag = httpx.put(signed["signed_url"], content=b"abc").headers["etag"]
    parts = {"parts": [{"number": 1, "metadata": etag}]}
    # Later ones announce the size of the whole.
    old = {"craft-ai-client": "craft-ai-sdk@0.42.0"}
    ask(object_routes.END_UPLOAD_BY_ID, OBJECT, by_id, json=path | parts, headers=old)
    ask(object_routes.DELETE_OBJECT, "path", data=path)


def test_clients_that_know_steps_are_sent_their_names_too(
    sweep: Callable[..., Sweep], names: dict[str, str]
) -> None:
    path = routes.DEPLOYMENT.url(name=names["steps"])
    ask = sweep("craft-ai-sdk@0.62.3")
    request = deployment_request(names, "steps")
    created = ask.http.post(ask.root + routes.CREATE_ENDPOINT.url(), **request).json()
    for version, has_steps in (("0.62.3", True), ("0.72.9", True), ("0.73.0", False)):
        ask = sweep(f"craft-ai-sdk@{version}")
        shown = ask.http.get(ask.root + path).json()
        both = [*shown["inputs_mapping"], *shown["outputs_mapping"]]
        assert ["step_input_name" in item or "step_output_name" in item for item in both] == [
            has_steps
        ] * 3
        assert (shown == created) is has_steps
    ask.http.delete(ask.root + path)


@pytest.mark.parametrize("client", [None, "headrace@1", "browser", "craft-ai"])
def test_whoever_else_asks_gets_every_key(
    client: str | None, sweep: Callable[..., Sweep], names: dict[str, str]
) -> None:
    ask = sweep("none")
    del ask.http.headers["craft-ai-client"]
    if client is not None:
        ask.http.headers["craft-ai-client"] = client
    shown = ask.http.get(ask.root + routes.PIPELINE.url(name=names["fail"])).json()
    assert "failure" in shown["creation_info"]


def test_wrapped_outputs_say_that_the_call_succeeded(
    server: Any, names: dict[str, str], own_sdk: Any
) -> None:
    for mode in ("elastic", "low_latency"):
        name = f"says-{uuid.uuid4().hex[:8]}"
        made = own_sdk.create_deployment(names["add"], name, "endpoint", mode=mode)
        url = f"{server.url}/endpoints/v1/{name}"
        token = made["endpoint_token"]
        answer = httpx.post(
            url, json={"a": 2}, headers={"authorization": f"EndpointToken {token}"}, timeout=60
        ).json()
        assert answer.pop("execution_id")
        assert answer == {"status": "Succeeded", "outputs": {"sum": {"value": 3}}}
        call = httpx.post(
            url,
            json={"a": 3},
            headers={"authorization": f"EndpointToken {token}", "prefer": "respond-async"},
        ).json()
        seen = httpx.get(call["results_url"], timeout=60).json()
        assert (seen["status"], seen["outputs"]) == ("Succeeded", {"sum": {"value": 4}})
        own_sdk.delete_deployment(name)


@pytest.mark.parametrize(
    ("form", "said"),
    [({}, "value is missing"), ({"value": "1", "more": "2"}, "unknown field 'more'")],
)
def test_a_variable_in_the_path_needs_its_value(
    sweep: Callable[..., Sweep], form: dict[str, str], said: str
) -> None:
    ask = sweep("craft-ai-sdk@0.38.2")
    answer = ask.http.put(ask.root + routes.SET_VARIABLE.url(name="KEYS_ODD"), data=form)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    refused = ask.http.put(
        ask.root + routes.SET_VARIABLE.url(name="LD_PRELOAD"), data={"value": "x"}
    )
    assert "LD_PRELOAD" in refused.json()["message"]
