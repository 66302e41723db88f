"""Files that are attached to deployments: there at import time, the same for everybody, kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid

import httpx
import pytest

from headrace import (
    HeadraceError,
    HeadraceSdk,
    Input,
    InvalidRequest,
    InvalidValue,
    Output,
    PipelineExecutionFailed,
)

pytestmark = pytest.mark.system

CODE = """
import json
import os
import pathlib
import urllib.request

ROOT = os.environ["HEADRACE_ENVIRONMENT_URL"] + "/api/v1"


def ask(path, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(ROOT + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


if pathlib.Path("models/line.json").exists():
    MODEL = json.loads(pathlib.Path(__file__).with_name("models").joinpath("line.json").read_text())
    refresh = {"refresh_token": os.environ["HEADRACE_SDK_TOKEN"]}
    access = ask("/auth/refresh", refresh)["access_token"]
    path = MODEL.get("object", "none")
    if path != "none":
        found = ask("/data-store/information", {"path_to_object": path}, access)
        MODEL["size"] = found["size"]
else:
    MODEL = {"slope": 0}


def predict(x, how="read"):
    place = pathlib.Path("models/line.json")
    if how == "write":
        place.write_text("{}")
    if how == "replace":
        place.unlink()
        place.write_text('{"slope": 7}')
    now = json.loads(place.read_text()).get("slope", 0) if place.exists() else 0
    return {"y": MODEL["slope"] * x, "now": now, "size": MODEL.get("size")}
"""


@pytest.fixture(scope="module")
def sdk(server):
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The pipeline's folder, which has no model."""
    folder = tmp_path_factory.mktemp("line")
    (folder / "main.py").write_text(CODE)
    (folder / "data").mkdir()
    (folder / "data" / "known.txt").write_text("known")
    return folder


@pytest.fixture(scope="module")
def line(sdk, folder):
    name = f"line-{uuid.uuid4().hex[:8]}"
    create(sdk, name, folder)
    yield name
    sdk.delete_pipeline(name, force_deployments_deletion=True)


def create(sdk, name, folder, **options):
    sdk.create_pipeline(
        name,
        "main.py",
        "predict",
        container_config={"local_folder": str(folder)},
        inputs=[Input("x", "number"), Input("how", "string")],
        outputs=[Output("y", "number"), Output("now", "number"), Output("size", "number")],
        **options,
    )


@pytest.fixture
def name(sdk):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"line-{uuid.uuid4().hex[:8]}"
    yield chosen
    with contextlib.suppress(HeadraceError):
        sdk.delete_deployment(chosen)
    for one in sdk.list_data_store_objects("attachments"):
        sdk.delete_data_store_object(one["path"])


@pytest.fixture
def model(tmp_path):
    """Writes a model, each of a content of its own: ``model(2)``."""

    def write(slope, **more):
        path = tmp_path / f"model-{slope}.json"
        path.write_text(json.dumps({"slope": slope, "id": uuid.uuid4().hex, **more}))
        return path

    return write


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def predicted(sdk, name, **inputs):
    """The outputs of a call, and the digest of what was attached to its execution."""
    token = sdk.get_deployment(name)["endpoint_token"]
    found = sdk.trigger_endpoint(name, token, {"x": 1, **inputs})
    attached = sdk.get_pipeline_execution(found["execution_id"])["attachments"]
    return found["outputs"], [one["digest"] for one in attached]


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_it_is_there_at_import_and_another_one_is_a_new_revision(sdk, line, name, model, mode):
    first, second = model(2), model(3)
    made = sdk.create_deployment(
        line, name, "endpoint", mode, attach={"models/line.json": str(first)}
    )
    assert made["attachments"] == [
        {
            "path": "models/line.json",
            "digest": digest(first),
            "size": first.stat().st_size,
            "object": f"attachments/sha256/{digest(first)}",
        }
    ]
    outputs, attached = predicted(sdk, name)
    assert (outputs["y"], outputs["now"], attached) == (2, 2, [digest(first)])
    sdk.update_deployment(name, attach={"models/line.json": second})
    outputs, attached = predicted(sdk, name)
    assert (outputs["y"], outputs["now"], attached) == (3, 3, [digest(second)])
    sdk.update_deployment(name, attach={"models/line.json": None})
    outputs, attached = predicted(sdk, name)
    assert (outputs["y"], outputs["now"], attached) == (0, 0, [])


def test_code_finds_its_token_and_reads_the_data_store_at_import(sdk, line, name, model):
    sdk.upload_data_store_object(__file__, "attached/test.py")
    used = model(1, object="attached/test.py")
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": used})
    assert predicted(sdk, name)[0]["size"] > 0
    sdk.delete_data_store_object("attached/test.py")


def test_a_content_is_sent_once(sdk, line, name, model, tmp_path):
    first = model(2)
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": first})
    stored = f"attachments/sha256/{digest(first)}"
    before = sdk.get_data_store_object_information(stored)
    again = tmp_path / "again.json"
    again.write_bytes(first.read_bytes())
    sdk.update_deployment(name, attach={"models/other.json": again})
    assert sdk.get_data_store_object_information(stored) == before
    assert len(sdk.get_deployment(name)["attachments"]) == 2


def test_no_call_changes_it_for_another(sdk, line, name, model):
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": model(2)})
    # It fails where the kernel closes folders, and changes a copy of its own elsewhere.
    with contextlib.suppress(PipelineExecutionFailed):
        assert predicted(sdk, name, how="write")[0]["now"] == 0
    assert predicted(sdk, name, how="replace")[0]["now"] == 7
    outputs, _ = predicted(sdk, name)
    assert (outputs["y"], outputs["now"]) == (2, 2)


@pytest.mark.parametrize(
    "place",
    [
        *("main.py", "data", "data/known.txt", "main.py/model", "data/known.txt/x"),
        *("../out", "/etc/passwd", "a/../b", "", "models/", "__pycache__/x"),
    ],
)
def test_places_that_cannot_be_are_refused(sdk, line, name, model, place):
    with pytest.raises(InvalidRequest):
        sdk.create_deployment(line, name, "endpoint", attach={place: model(2)})
    assert name not in [one["name"] for one in sdk.list_deployments()]


def test_what_cannot_be_sent_is_refused(sdk, line, name, tmp_path):
    for file, words in ((tmp_path, "is a folder"), (tmp_path / "none", "No such file")):
        with pytest.raises(InvalidValue, match=words):
            sdk.create_deployment(line, name, "endpoint", attach={"model": file})


def test_requests_are_checked(sdk, line, name, model, server):
    used = model(2)
    sdk.create_deployment(line, name, "endpoint", attach={"model": used})
    token = httpx.post(
        f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token}
    ).json()["access_token"]
    url, headers = (
        f"{server.url}/api/v1/deployments/{name}",
        {"Authorization": f"Bearer {token}"},
    )
    known = {"digest": digest(used), "size": used.stat().st_size}
    other = hashlib.sha256(b"never sent").hexdigest()
    for attachments, words in (
        ([], "must be a JSON object"),
        ({"a": 1}, "keys digest and size"),
        ({"a": {"digest": known["digest"]}}, "keys digest and size"),
        ({"a": known | {"size": 1}}, "size of the attachment"),
        ({"a": known | {"digest": "x"}}, "SHA-256"),
        ({"a": {"digest": other, "size": 10}}, "not in the data store"),
        ({"../a": known}, "cannot be attached at"),
        ({"none": None}, "Nothing is attached at"),
        ({"model/below": known}, "none can be below it"),
    ):
        answer = httpx.patch(url, json={"attachments": attachments}, headers=headers)
        assert (answer.status_code, words in answer.text) == (400, True), answer.text
    assert [one["path"] for one in sdk.get_deployment(name)["attachments"]] == ["model"]


def test_other_content_under_its_name_is_refused(sdk, line, name, model, tmp_path):
    used = model(2)
    sdk.upload_data_store_object(
        _of(tmp_path / "evil", b"x" * used.stat().st_size),
        f"attachments/sha256/{digest(used)}",
    )
    with pytest.raises(InvalidRequest, match="not what its name says"):
        sdk.create_deployment(line, name, "endpoint", attach={"model": used})


def _of(path, content):
    path.write_bytes(content)
    return path


@pytest.fixture
def fresh_template(sdk):
    """Has the next execution start a template anew, by a variable of its own."""
    name = f"ATTACHED_{uuid.uuid4().hex[:8].upper()}"

    def renew():
        sdk.create_or_update_environment_variable(name, uuid.uuid4().hex)

    yield renew
    with contextlib.suppress(HeadraceError):
        sdk.delete_environment_variable(name)


def test_a_file_that_was_changed_is_made_again(sdk, line, name, model, server, fresh_template):
    used = model(2)
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": used})
    place = server.data_dir / "attachments" / digest(used)
    for spoil in (lambda: _spoiled(place), place.unlink):
        spoil()
        fresh_template()
        assert predicted(sdk, name)[0]["y"] == 2
        assert place.read_bytes() == used.read_bytes()


def _spoiled(place):
    place.chmod(0o600)
    place.write_text('{"slope": 66}')


def test_one_that_is_gone_is_said(sdk, line, name, model, server, fresh_template):
    used = model(2)
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": used})
    sdk.delete_data_store_object(f"attachments/sha256/{digest(used)}")
    fresh_template()
    assert predicted(sdk, name)[0]["y"] == 2
    (server.data_dir / "attachments" / digest(used)).unlink()
    fresh_template()
    with pytest.raises(PipelineExecutionFailed, match="attach it again"):
        predicted(sdk, name)
    sdk.update_deployment(name, attach={"models/line.json": used})
    assert predicted(sdk, name)[0]["y"] == 2


def test_a_rerun_takes_those_of_its_code(sdk, line, name, model):
    first, second = model(2), model(3)
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": first})
    token = sdk.get_deployment(name)["endpoint_token"]
    execution_id = sdk.trigger_endpoint(name, token, {"x": 1})["execution_id"]
    sdk.update_deployment(name, attach={"models/line.json": second})
    assert sdk.rerun_execution(execution_id)["outputs"]["y"] == 3
    assert sdk.rerun_execution(execution_id, "original")["outputs"]["y"] == 2


def test_going_back_to_a_folder_that_has_the_place_is_refused(sdk, line, name, model, tmp_path):
    """It goes back once the file is taken away."""
    pipeline, folder = f"{line}-moved", tmp_path / "moved"
    (folder / "models").mkdir(parents=True)
    (folder / "main.py").write_text(CODE)
    inside = folder / "models" / "line.json"
    inside.write_text('{"slope": 9}')
    create(sdk, pipeline, folder)
    inside.unlink()
    create(sdk, pipeline, folder, replace=True)
    sdk.create_deployment(pipeline, name, "endpoint", attach={"models/line.json": model(2)})
    for go_back in (
        lambda: sdk.rollback_pipeline(pipeline),
        lambda: sdk.update_deployment(name, pipeline_version=1),
    ):
        with pytest.raises(InvalidRequest, match=r"at .models/line\.json"):
            go_back()
        assert predicted(sdk, name)[0]["y"] == 2
    sdk.update_deployment(name, attach={"models/line.json": None})
    sdk.rollback_pipeline(pipeline)
    assert predicted(sdk, name)[0]["y"] == 9
    sdk.delete_pipeline(pipeline, force_deployments_deletion=True)


def test_a_version_whose_folder_has_the_place_is_refused(sdk, line, name, model, folder):
    sdk.create_deployment(line, name, "endpoint", attach={"models/line.json": model(2)})
    (folder / "models").mkdir()
    (folder / "models" / "line.json").write_text("{}")
    try:
        with pytest.raises(InvalidRequest, match="where a file is attached to deployment"):
            create(sdk, line, folder, replace=True)
    finally:
        (folder / "models" / "line.json").unlink()
        (folder / "models").rmdir()
