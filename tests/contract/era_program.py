"""A program as one was written for each release of the public client; started by the tests.

It gets a release, a git repository, a folder with the same code, and a name of its own. It prints
what the client gave it as one JSON object. Nothing in it is about Headrace.
"""

import io
import json
import sys
from pathlib import Path

import craft_ai_sdk
from craft_ai_sdk import CraftAiSdk, Input, InputSource, Output, OutputDestination

RELEASE = tuple(int(part) for part in sys.argv[1].split(".")[:2])
REPOSITORY, FOLDER, NAME = sys.argv[2:5]

HAS_STEPS = RELEASE < (0, 73)
HAS_FOLDERS = RELEASE >= (0, 45)
HAS_MODES = RELEASE >= (0, 42)
WAITS = {"wait_for_completion": False} if RELEASE >= (0, 52) else {"wait_for_results": False}

STATUS_KEYS = ("status", "update_status", "is_enabled", "active")

INPUTS = [
    Input("word", "string", is_required=True),
    Input("times", "number", default_value=2),
    Input("document", "file"),
]
OUTPUTS = [Output("text", "string"), Output("copy", "file")]


class Client:
    """The client, with a list of the calls that were made of it."""

    def __init__(self, sdk):
        self.sdk = sdk
        self.calls = set()

    def __getattr__(self, name):
        self.calls.add(name)
        return getattr(self.sdk, name)


def has(sdk, call):
    """Say whether the release has a call, without making it."""
    return hasattr(sdk.sdk, call)


def read(value):
    """Return the text of a file, which releases give as bytes or as a stream."""
    content = value.read() if hasattr(value, "read") else value
    return content.decode()


def outputs_of(result):
    """Return the outputs of a run; the first releases returned nothing else."""
    found = dict(result.get("outputs", result))
    return {name: read(value) if name == "copy" else value for name, value in found.items()}


def mapping(kind, name, **more):
    """Return a mapping by the name that the release knows inputs and outputs by."""
    noun = "input" if kind is InputSource else "output"
    era = "pipeline" if RELEASE >= (0, 46) else "step"
    return kind(**{f"{era}_{noun}_name": name}, **more)


def code():
    """Return where the code is."""
    if HAS_FOLDERS:
        return {"local_folder": FOLDER, "included_folders": ["main.py"]}
    return {"repository_url": REPOSITORY, "repository_branch": "main"}


def make_pipelines(sdk):
    """Make a pipeline in each way that there was; return its name and what was seen of it."""
    seen = {}
    if HAS_STEPS:
        step = sdk.create_step(
            f"{NAME}-step", "main.py", "repeat", container_config=code(), inputs=INPUTS,
            outputs=OUTPUTS,
        )  # fmt: skip
        seen["step"] = step["creation_info"]["status"]
        seen["step_name"] = sdk.get_step(f"{NAME}-step")["parameters"]["step_name"]
        seen["listed"] = f"{NAME}-step" in [item["step_name"] for item in sdk.list_steps()]
        sdk.create_pipeline(f"{NAME}-of-step", step_name=f"{NAME}-step")
        pipeline = sdk.get_pipeline(f"{NAME}-of-step")
        seen["of_step"] = pipeline
        name = f"{NAME}-of-step"
    if HAS_FOLDERS:
        made = sdk.create_pipeline(
            f"{NAME}-own", "main.py", "repeat", container_config=code(), inputs=INPUTS,
            outputs=OUTPUTS,
        )  # fmt: skip
        seen["own"] = made
        name = f"{NAME}-own"
    if has(sdk, "get_pipeline_logs"):
        seen["log"] = len(sdk.get_pipeline_logs(name)) > 0
    seen["pipelines"] = [item["pipeline_name"] for item in sdk.list_pipelines()]
    seen["absent"] = absent(lambda: sdk.get_pipeline(f"{NAME}-absent"))
    return name, seen


def absent(ask):
    """Return what becomes of a question for something that is not there."""
    try:
        return ask()
    except craft_ai_sdk.SdkException as error:
        return error.status_code


def run(sdk, pipeline):
    """Run a pipeline with a value and a file, and look at the execution."""
    Path("document.txt").write_text("of a run")
    inputs = {"word": "ho", "times": 3, "document": "document.txt"}
    result = sdk.run_pipeline(pipeline, inputs=inputs)
    (item,) = sdk.list_pipeline_executions(pipeline)
    execution_id = item["execution_id"]
    execution = sdk.get_pipeline_execution(execution_id)
    logs = (
        sdk.get_pipeline_execution_logs(pipeline, execution_id)
        if RELEASE < (0, 50)
        else sdk.get_pipeline_execution_logs(execution_id)
    )
    if has(sdk, "retrieve_pipeline_execution_outputs"):
        result = sdk.retrieve_pipeline_execution_outputs(execution_id)
    output = sdk.get_pipeline_execution_output(execution_id, "text")
    return {
        "outputs": outputs_of(result),
        "status": execution["status"],
        "log": [line["message"] for line in logs],
        "output": output["value"],
        "input": sdk.get_pipeline_execution_input(execution_id, "times")["value"],
        "steps": [step["name"] for step in execution.get("steps", [])],
        "deleted": sdk.delete_pipeline_execution(execution_id)["execution_id"] == execution_id,
    }


def fail(sdk, pipeline):
    """Run a pipeline that raises, and return what the program is told."""
    try:
        sdk.run_pipeline(pipeline, inputs={"word": "fail"})
    except craft_ai_sdk.SdkException as error:
        return str(error)
    return None


def deploy(sdk, pipeline, kind, **more):
    """Create an endpoint and call it: at once, and again with its result asked for later."""
    name = f"{NAME}-{kind}"
    deployment = sdk.create_deployment(
        pipeline,
        name,
        "endpoint",
        inputs_mapping=[
            mapping(InputSource, "word", endpoint_input_name="said", is_required=True),
            mapping(InputSource, "times", constant_value=2),
            mapping(InputSource, "document", endpoint_input_name="file"),
        ],
        outputs_mapping=[
            mapping(OutputDestination, "text", endpoint_output_name="answer"),
            mapping(OutputDestination, "copy", is_null=True),
        ],
        **more,
    )
    token = deployment.get("endpoint_token") or sdk.get_deployment(name)["endpoint_token"]
    seen = sdk.get_deployment(name)
    at_once = sdk.trigger_endpoint(name, token, {"said": "ha"})
    later = sdk.trigger_endpoint(name, token, {"said": "hi"}, **WAITS)
    results = sdk.retrieve_endpoint_results(name, later["execution_id"], token)
    token = sdk.generate_new_endpoint_token(name)["endpoint_token"]
    again = sdk.trigger_endpoint(name, token, {"said": "he"})
    listed = [item["name"] for item in sdk.list_deployments()]
    if has(sdk, "get_deployment_logs"):
        sdk.get_deployment_logs(name)
    if has(sdk, "update_deployment"):
        sdk.update_deployment(name, is_enabled=False)
    sdk.delete_deployment(name)
    return {
        "status": {key: seen[key] for key in STATUS_KEYS if key in seen},
        "mapped": sorted(map(str, seen["inputs_mapping"][0])),
        "answers": [result["outputs"]["answer"] for result in (at_once, results, again)],
        "listed": name in listed,
    }  # fmt: skip


def deploy_files(sdk, pipeline):
    """Create an endpoint that takes a file and answers with one."""
    name = f"{NAME}-files"
    deployment = sdk.create_deployment(
        pipeline,
        name,
        "endpoint",
        inputs_mapping=[
            mapping(InputSource, "word", constant_value="x"),
            mapping(InputSource, "times", constant_value=1),
            mapping(InputSource, "document", endpoint_input_name="file"),
        ],
        outputs_mapping=[
            mapping(OutputDestination, "text", is_null=True),
            mapping(OutputDestination, "copy", endpoint_output_name="copied"),
        ],
    )
    token = deployment.get("endpoint_token") or sdk.get_deployment(name)["endpoint_token"]
    result = sdk.trigger_endpoint(name, token, {"file": io.BytesIO(b"of a call")})
    sdk.delete_deployment(name)
    return {key: read(value) for key, value in result["outputs"].items()}


def schedule(sdk, pipeline):
    """Create a periodic deployment."""
    name = f"{NAME}-yearly"
    sdk.create_deployment(
        pipeline,
        name,
        "periodic",
        schedule="0 0 1 1 *",
        inputs_mapping=[
            mapping(InputSource, "word", constant_value="x"),
            mapping(InputSource, "times", constant_value=1),
            mapping(InputSource, "document", is_null=True),
        ],
        outputs_mapping=[
            mapping(OutputDestination, "text", is_null=True),
            mapping(OutputDestination, "copy", is_null=True),
        ],
    )
    seen = sdk.get_deployment(name)
    sdk.delete_deployment(name)
    return seen["schedule"]


def store(sdk):
    """Put files into the data store and take them out again; a large one goes in parts."""
    big = b"0123456789abcdef" * 700_000
    sdk.upload_data_store_object(io.BytesIO(b"small"), f"{NAME}/small")
    sdk.upload_data_store_object(io.BytesIO(big), f"{NAME}/big")
    target = io.BytesIO()
    sdk.download_data_store_object(f"{NAME}/big", target)
    paths = [item["path"] for item in sdk.list_data_store_objects()]
    size = sdk.get_data_store_object_information(f"{NAME}/small")["size"]
    sdk.delete_data_store_object(f"{NAME}/big")
    sdk.delete_data_store_object(f"{NAME}/small")
    return {
        "whole": target.getvalue() == big,
        "listed": sorted(path.split("/")[-1] for path in paths if path.startswith(NAME)),
        "size": size,
    }


def variables(sdk):
    """Set, list and delete an environment variable."""
    name = NAME.replace("-", "_").upper()
    sdk.create_or_update_environment_variable(name, "of an era")
    found = {item["name"]: item["value"] for item in sdk.list_environment_variables()}
    sdk.delete_environment_variable(name)
    return found[name]


def main():
    sdk = Client(CraftAiSdk(verbose_log=False))
    me = sdk.who_am_i()
    pipeline, seen = make_pipelines(sdk)
    found = {
        "user": sdk.get_user(me["id"])["name"] == me["name"],
        "made": seen,
        "run": run(sdk, pipeline),
        "failure": fail(sdk, pipeline),
        "elastic": deploy(sdk, pipeline, "elastic"),
        "files": deploy_files(sdk, pipeline),
        "schedule": schedule(sdk, pipeline),
        "store": store(sdk),
        "variable": variables(sdk),
        "metrics": [sdk.get_metrics(name=NAME), sdk.get_list_metrics(name=NAME)],
    }
    if HAS_MODES:
        found["low_latency"] = deploy(sdk, pipeline, "warm", mode="low_latency")
    if "keep" in sys.argv:
        json.dump(found, sys.stdout)
        return
    found["deleted"] = sdk.delete_pipeline(pipeline)["pipeline"]["name"]
    if HAS_STEPS:
        sdk.delete_step(f"{NAME}-step", force_dependents_deletion=True)
        found["left"] = [absent(lambda: sdk.get_step(f"{NAME}-step"))]
    found["calls"] = sorted(sdk.calls)
    json.dump(found, sys.stdout)


main()
