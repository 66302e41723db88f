"""The pages that create pipelines: of a folder, an archive, a repository, a template."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser
from tests.browsing import PATIENCE_MS
from tests.conftest import RunningServer
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat, desk_at

TYPED = '''
from typing import TypedDict


class Weight(TypedDict):
    weight: float


def weigh(text: str, factor: float = 2.0) -> Weight:
    """Weigh a text.

    Args:
        text: What is weighed.
    """
    return {"weight": len(text) * factor}
'''


@pytest.fixture
def name(desk: Desk) -> Iterator[str]:
    """A name for a pipeline, which is deleted afterwards if there is one."""
    chosen = f"made-{uuid.uuid4().hex[:8]}"
    yield chosen
    if any(one["pipeline_name"] == chosen for one in desk.sdk.list_pipelines()):
        desk.sdk.delete_pipeline(chosen, force_deployments_deletion=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as people have them."""
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / ".venv").mkdir()
    (folder / "model.py").write_text(TYPED)
    (folder / "lib" / "extra.py").write_text("def more(x):\n    return {}\n")
    (folder / ".venv" / "huge.py").write_text("def never(): ...\n")
    return folder


def zipped(files: dict[str, str]) -> bytes:
    """The bytes of a zip of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made.getvalue()


def send(desk: Desk, content: bytes, filename: str = "code.zip") -> str:
    """Send an archive without JavaScript, and return where the form is."""
    sent = desk.web.post(
        "/pipelines/new", data={"from": "folder"}, files={"archive": (filename, content)}
    )
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


def fields_of(html: str) -> dict[str, str]:
    """What a browser would send of the form that creates."""
    form = html[html.index('action="/pipelines/new/function" class="form whole"') :]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        said = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if said.get("type") != "checkbox" or " checked" in tag:
            found[unescape(said["name"])] = unescape(said.get("value", ""))
    select = r"""<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>"""
    for field, options in re.findall(select, form, re.DOTALL):
        chosen = re.search(r"<option selected>([^<]*)", options) or re.search(r">([^<]*)", options)
        assert chosen
        found[unescape(field)] = unescape(chosen[1])
    return found


def test_a_folder_becomes_a_pipeline_whose_function_is_read(
    desk: Desk, seat: Seat, name: str, project: Path
) -> None:
    page = seat.page
    page.goto("/pipelines")
    page.get_by_role("link", name="New pipeline").click()
    page.get_by_label("Folder", exact=True).set_input_files(project)
    page.get_by_text("2 of 3 files").wait_for()
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Name of the function").wait_for()
    assert page.get_by_label("Name of the function").input_value() == "weigh"
    assert page.get_by_label("Name of input 1").input_value() == "text"
    assert page.get_by_label("Is input 1 required").is_checked()
    assert page.get_by_label("Default of input 2").input_value() == "2.0"
    assert page.get_by_label("Name of output 1").input_value() == "weight"
    page.reload()
    page.get_by_label("Description of output 1").fill(IMAGE)
    page.get_by_label("Name of the pipeline").fill(name)
    page.get_by_role("button", name="Create the pipeline").click()
    page.get_by_role("heading", name=name).wait_for()
    page.locator("#status").get_by_text("Ready").wait_for()
    page.get_by_role("region", name="Log of the build").locator("li").first.wait_for()
    assert desk.sdk.run_pipeline(name, inputs={"text": "four"})["outputs"] == {"weight": 8.0}
    found = desk.sdk.get_pipeline(name)["parameters"]
    assert [item["description"] for item in found["outputs"]] == [IMAGE]
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


@pytest.fixture
def ignoring(project: Path) -> Path:
    """That folder with ignore files, and with names that look secret."""
    (project / "data").mkdir()
    (project / ".git" / "info").mkdir(parents=True)
    for name, text in {
        ".gitignore": "data/\n.env\n",
        ".headraceignore": f"{SCRIPT.replace('/', '')}*\n",
        ".env": "PASSWORD=hunter2",
        ".git/config": "x",
        ".git/info/exclude": "notes.md\n",
        "notes.md": "n",
        "data/large.csv": "0" * 100_000,
        f"{SCRIPT.replace('/', '')}.txt": "x",
        "tls.key": "k",
    }.items():
        (project / name).write_text(text)
    return project


def test_what_a_folder_leaves_out_is_said_before_it_is_sent(seat: Seat, ignoring: Path) -> None:
    page = seat.page
    page.goto("/pipelines/new")
    page.get_by_label("Folder", exact=True).set_input_files(ignoring)
    page.get_by_text("5 of 12 files").wait_for()
    said = page.get_by_role("list", name="What stays on this computer").inner_text()
    for path in ("data/", ".env", ".git/", ".venv/", "notes.md", "window.planted"):
        assert path in said
    assert page.get_by_role("alert").inner_text().startswith("Taken, though the name is one for")
    assert "tls.key" in page.get_by_role("alert").inner_text()
    sent = page.evaluate(
        "() => new FormData(document.querySelector('send-folder form')).getAll('files')"
        ".map((file) => file.webkitRelativePath.split('/').slice(1).join('/'))"
    )
    own = [".gitignore", ".headraceignore"]
    assert sorted(sent) == [*own, "lib/extra.py", "model.py", "tls.key"]
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Name of the function").wait_for()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_a_server_that_is_sent_all_of_a_folder_leaves_out_the_same(desk: Desk) -> None:
    files = [
        ("files", (f"top/{path}", text.encode()))
        for path, text in (
            (".gitignore", "out/\n"),
            ("model.py", TYPED),
            ("out/x", "x"),
            ("id_rsa", "k"),
        )
    ]
    sent = desk.web.post("/pipelines/new", data={"from": "folder"}, files=files)
    assert sent.status_code == 303, sent.text
    said = "Taken, though it looks secret: id_rsa. Left out: out/ (.gitignore)."
    assert said in unquote(sent.headers["set-cookie"])


def test_bad_questions_about_a_folder_are_refused(desk: Desk) -> None:
    def ask(paths: str, texts: str) -> httpx.Response:
        data = {"paths": paths, "ignore_files": texts}
        return desk.web.post("/pipelines/new/left-out", data=data)

    assert ask('["a"]', "{}").status_code == 200
    for paths, texts, why in (
        ("", "{}", "paths is no JSON"),
        ("{}", "{}", "paths is not what it should be"),
        ("[1]", "{}", "hold texts"),
        ('["a"]', '{"a": ""}', "is no ignore file"),
        ('["a"]', '{".gitignore": "!"}', "cannot be used"),
        ("[" * 100_000, "{}", "paths is no JSON"),
    ):
        refused = ask(paths, texts)
        assert (refused.status_code, why in unescape(refused.text)) == (400, True), refused.text


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A user at a server that has no container engine."""
    place = tmp_path_factory.mktemp("bare") / "data"
    running = RunningServer(place, {"HEADRACE_CONTAINER_ENGINE": "none"}).start()
    with desk_at(running) as made:
        yield made
    running.stop()


def test_dockerfiles_are_refused_where_nothing_builds_images(
    bare: Desk, chromium: Browser, project: Path
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")
    window = chromium.new_context(base_url=bare.server.url, extra_http_headers=bare.headers)
    window.set_default_timeout(PATIENCE_MS)
    page = window.new_page()
    page.goto("/pipelines/new")
    page.get_by_label("Folder", exact=True).set_input_files(project)
    page.get_by_text("3 of 4 files").wait_for()
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Name of the function").wait_for()
    page.get_by_role("link", name="A Dockerfile").click()
    page.get_by_label("Dockerfile", exact=True).wait_for()
    assert page.get_by_label("Dockerfile", exact=True).input_value() == "Dockerfile"
    why = "container_config[dockerfile_path]: it needs a container engine"
    assert why in page.get_by_role("region", name="No image can be built here").inner_text()
    page.get_by_label("Name of the pipeline").fill("made-of-an-image")
    page.get_by_label("Name of input 1").fill("text")
    page.get_by_role("button", name="Create the pipeline").click()
    assert why in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name of the pipeline").input_value() == "made-of-an-image"
    assert page.get_by_label("Name of input 1").input_value() == "text"
    window.close()
    assert bare.sdk.list_pipelines() == []


def test_a_dockerfile_that_is_not_named_or_not_there_is_refused(bare: Desk) -> None:
    at = send(bare, zipped({"Dockerfile.gpu": "FROM scratch\n", "a.txt": "x"}))
    code = parse_qs(urlsplit(at).query)["code"][0]
    shown = bare.web.get(at).text
    assert 'value="Dockerfile.gpu"' in shown
    # The function can still be asked for.
    assert 'name="function_path"' in bare.web.get(f"{at}&kind=function").text

    def refused(**more: str) -> str:
        data = {"code": code, "kind": "dockerfile", "pipeline_name": "made-of-nothing", **more}
        answer = bare.web.post("/pipelines/new/function", data=data)
        assert answer.status_code == 400, answer.text
        return unescape(answer.text)

    field = "container_config[dockerfile_path]"
    assert f"{field} is missing" in refused()
    assert "'other' is not in the pipeline's folder" in refused(**{field: "other"})
    assert "leaves" in refused(**{field: "../other"})
    assert "function_path must be null beside" in refused(
        **{field: "Dockerfile.gpu", "function_path": "a.py"}
    )


def test_a_new_version_is_made_of_an_archive(desk: Desk, seat: Seat, name: str) -> None:
    page = seat.page
    for number, code in enumerate((TYPED, TYPED.replace("len(text)", "100")), start=1):
        archive = zipped({"project/model.py": code, "project/note.txt": "\u00e4"})
        if number == 1:
            page.goto("/pipelines/new")
        else:
            page.goto(f"/pipelines/{name}")
            page.get_by_role("link", name="Deploy a new version").click()
        page.get_by_label("Archive", exact=True).set_input_files(
            {"name": "code.zip", "mimeType": "application/zip", "buffer": archive}
        )
        page.get_by_role("button", name="Send the code").click()
        if number == 1:
            page.get_by_label("Name of the pipeline").fill(name)
            page.get_by_role("button", name="Create the pipeline").click()
        else:
            page.get_by_label("What is new").fill("always a hundred")
            page.get_by_role("button", name="Deploy the new version").click()
        page.locator("#status").get_by_text("Ready").wait_for()
    assert "version=2" in page.url
    assert desk.sdk.run_pipeline(name, inputs={"text": "x"})["outputs"] == {"weight": 200.0}
    assert seat.told == []


def test_a_repository_is_fetched_and_its_commit_kept(
    desk: Desk, seat: Seat, name: str, project: Path
) -> None:
    shutil.rmtree(project / ".venv")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "one"),
    ):
        subprocess.run(["git", "-C", project, *command], check=True)
    commit = subprocess.run(
        ["git", "-C", project, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    page = seat.page
    page.goto("/pipelines/new")
    page.get_by_role("link", name="A git repository").click()
    page.get_by_label("Address").fill(f"file://{project}")
    page.get_by_label("Branch or tag").fill("no-such")
    page.get_by_label("Deploy key").fill("not a key")
    page.get_by_role("button", name="Fetch the code").click()
    page.get_by_text("must be a private ssh key").wait_for()
    assert page.get_by_label("Deploy key").input_value() == ""
    page.get_by_role("button", name="Fetch the code").click()
    page.get_by_text("could not be read").wait_for()
    page.get_by_label("Branch or tag").fill("main")
    page.get_by_role("button", name="Fetch the code").click()
    page.get_by_text(commit[:8]).wait_for()
    page.get_by_label("Name of the pipeline").fill(name)
    page.get_by_role("button", name="Create the pipeline").click()
    page.locator("#status").get_by_text("Ready").wait_for()
    found = desk.sdk.get_pipeline(name)["creation_info"]
    assert (found["origin"], found["commit_id"]) == ("git_repository", commit)
    page.get_by_role("link", name="Deploy a new version").click()
    assert page.get_by_label("Address").input_value() == f"file://{project}"
    assert page.get_by_label("Branch or tag").input_value() == "main"


def test_a_template_becomes_a_pipeline(desk: Desk, seat: Seat, name: str) -> None:
    page = seat.page
    page.goto("/pipelines/new?from=template")
    page.get_by_role("radio", name="Clean a CSV file").check()
    page.get_by_label("Name of the pipeline").fill("not a name!")
    page.get_by_role("button", name="Create the pipeline").click()
    page.get_by_text("pipeline_name").wait_for()
    assert page.get_by_role("radio", name="Clean a CSV file").is_checked()
    page.get_by_label("Name of the pipeline").fill(name)
    page.get_by_role("button", name="Create the pipeline").click()
    page.get_by_role("heading", name=name).wait_for()
    template = desk.sdk.get_pipeline(name)["creation_info"]["pipeline_template"]
    assert template["name"] == "csv-cleaner"
    page.get_by_role("link", name="Deploy a new version").click()
    assert page.get_by_role("radio", name="Clean a CSV file").is_checked()
    page.get_by_role("button", name="Deploy a new version").click()
    page.get_by_text("Nothing has changed").wait_for()


def test_forms_work_without_scripts_and_keep_what_was_typed(desk: Desk, name: str) -> None:
    untyped = f"def mix(text, number=2):\n    {SCRIPT!r}\n    return {{'a': number}}\n"
    files = [
        ("files", ("top/model.py", untyped.encode())),
        ("files", (f"top/{SCRIPT.replace('/', '')}.txt", b"x")),
    ]
    sent = desk.web.post("/pipelines/new", data={"from": "folder"}, files=files)
    assert sent.status_code == 303
    form = desk.web.get(sent.headers["location"])
    fields = fields_of(form.text)
    assert fields["function_path"] == "model.py"
    more = desk.web.post("/pipelines/new/function", data={**fields, "more": "inputs"})
    assert more.text.count("[default_value]") > form.text.count("[default_value]")
    fields |= {"pipeline_name": name, "inputs[0][data_type]": "number", "description": SCRIPT}
    fields |= {"inputs[0][default_value]": "many", "inputs[5][name]": "late"}
    fields["inputs[5][data_type]"] = "json"
    refused = desk.web.post("/pipelines/new/function", data=fields)
    assert refused.status_code == 400
    assert "the default value of input &#39;text&#39;" in refused.text
    assert SCRIPT not in refused.text
    kept = fields_of(refused.text)
    assert (kept["description"], kept["inputs[2][name]"]) == (SCRIPT, "late")
    kept |= {"inputs[0][default_value]": "", "inputs[2][name]": ""}
    kept |= {"outputs[0][name]": "a", "outputs[0][data_type]": "number"}
    created = desk.web.post("/pipelines/new/function", data=kept)
    assert created.status_code == 303, created.text
    shown = desk.web.get(created.headers["location"])
    assert SCRIPT not in shown.text.replace("/", "")
    assert "&lt;script&gt;" in shown.text


def tarred(path: str, content: bytes = b"x") -> bytes:
    """The bytes of a gzip-compressed tar with one file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped({"../out.py": "x"}), "leaves the folder"),
        (zipped({"/etc/out.py": "x"}), "absolute name"),
        (zipped({"a\\b.py": "x"}), "backslash"),
        (zipped({f"{'x' * 300}.py": "x"}), "too long"),
        (zipped({"a.py": "x", "a.py/b.py": "x"}), "but also"),
        (zipped({}), "no files"),
        (zipped({"a.py": "x"})[:-30], "not a zip"),
        (zipped({"a.py": "x" * 50}).replace(b"PK\x01\x02", b"PK\x01\x09"), "not a zip"),
        (tarred("../out.py"), "leaves the folder"),
        (b"neither", "not a gzip-compressed tar"),
    ],
    ids=(
        [
            "upwards",
            "absolute",
            "backslash",
            "long",
            "both-kinds",
            "empty",
            "cut",
            "broken",
            "tar-upwards",
            "no-archive",
        ]
    ),
)
def test_archives_that_cannot_be_used_are_refused(desk: Desk, content: bytes, said: str) -> None:
    refused = desk.web.post(
        "/pipelines/new", data={"from": "folder"}, files={"archive": ("code.zip", content)}
    )
    assert refused.status_code == 400
    assert said in unescape(refused.text)


def test_folders_that_cannot_be_used_are_refused(desk: Desk) -> None:
    for path, said in (("top/../../x.py", "leaves the folder"), ("/etc/x.py", "absolute name")):
        files = [("files", (path, b"x")), ("files", ("top/a.py", b"x"))]
        refused = desk.web.post("/pipelines/new", data={"from": "folder"}, files=files)
        assert (refused.status_code, said in unescape(refused.text)) == (400, True), path
    both = [("files", ("top/a.py", b"x")), ("archive", ("a.zip", zipped({"a.py": "x"})))]
    for sent in (both, [("files", ("", b""))]):
        assert desk.web.post("/pipelines/new", data={}, files=sent).status_code == 400
    unknown = desk.web.post("/pipelines/new", data={"other": "1"}, files=both[:1])
    assert unknown.status_code == 400


def test_the_code_of_a_form_is_nobody_elses_and_not_made_up(desk: Desk) -> None:
    place = send(desk, zipped({"model.py": TYPED}))
    assert desk.web.get(place).status_code == 200
    digest = re.search(r"digest%3D([0-9a-f]{64})", place)
    assert digest
    other = place.replace(digest[1], "0" * 64)
    for path in (other, "/pipelines/new/function", "/pipelines/new/function?code=x"):
        refused = desk.web.get(path)
        assert (refused.status_code, "begin again" in refused.text) == (400, True)


def test_forms_that_no_page_of_the_session_sent_do_nothing(desk: Desk, name: str) -> None:
    place = send(desk, zipped({"model.py": TYPED}))
    fields = fields_of(desk.web.get(place).text) | {"pipeline_name": name}
    template = {"pipeline_name": name, "pipeline_template_name": "csv-cleaner"}
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=desk.server.url, headers=headers, trust_env=False) as browser:
        assert browser.post("/sign-in", data={"token": desk.server.token}).status_code == 303
        assert browser.get(place).status_code == 200
        for path, sent in (
            ("/pipelines/new", {"from": "folder"}),
            ("/pipelines/new/function", fields),
            ("/pipelines/new/template", template),
        ):
            refused = browser.post(path, data={**sent, "csrf": "x" * 64})
            assert refused.status_code == 403, path
    assert desk.web.get(f"/pipelines/{name}").status_code == 404


def test_code_that_is_no_python_is_said_and_may_be_typed(desk: Desk) -> None:
    place = send(desk, zipped({"model.py": "def broken(:\n", "b.py": "def f(*rest):\n    pass\n"}))
    shown = unescape(desk.web.get(f"{place}&function=model.py:broken").text)
    assert "model.py, line 1" in shown
    shown = unescape(desk.web.get(place).text)
    assert "parameter '*rest'" in shown
    deep = send(desk, zipped({"model.py": "x = " + "-" * 200_000 + "1\ndef f(): pass\n"}))
    assert desk.web.get(deep).status_code == 200


def test_a_pipeline_that_is_called_new_has_its_page(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f():\n    return {}\n")
    config = {"local_folder": str(tmp_path)}
    desk.sdk.create_pipeline("new", "m.py", "f", container_config=config)
    try:
        assert "/pipelines/new?version=current" in desk.web.get("/pipelines/new").text
        assert "m.py" in desk.web.get("/pipelines/new?version=current").text
    finally:
        desk.sdk.delete_pipeline("new")


def test_the_pages_are_for_everybody(desk: Desk, faults: Callable[[str], list[str]]) -> None:
    place = send(desk, zipped({"model.py": TYPED, "b.py": "def f(*rest):\n    import numpy\n"}))
    for path in (
        "/pipelines/new",
        "/pipelines/new?from=git",
        "/pipelines/new?from=template",
        place,
        f"{place}&function=b.py:f",
        f"{place}&kind=dockerfile",
    ):
        assert faults(path) == [], path


def test_a_version_that_breaks_callers_asks_first(desk: Desk, name: str) -> None:
    first = fields_of(desk.web.get(send(desk, zipped({"model.py": TYPED}))).text)
    made = desk.web.post("/pipelines/new/function", data={**first, "pipeline_name": name})
    assert made.status_code == 303
    desk.sdk.get_pipeline(name, wait_for_completion=True)
    desk.sdk.create_deployment(name, f"{name}-e", "endpoint")
    other = TYPED.replace('weight": len(text)', 'mass": len(text)').replace("weight: ", "mass: ")
    place = f"{send(desk, zipped({'model.py': other}))}&pipeline={name}"
    fields = fields_of(desk.web.get(place).text)
    refused = desk.web.post("/pipelines/new/function", data=fields)
    assert (refused.status_code, "although it breaks" in refused.text) == (409, True)
    done = desk.web.post("/pipelines/new/function", data={**fields, "force": "true"})
    assert done.status_code == 303
    assert done.headers["location"] == f"/pipelines/{name}?version=2"
