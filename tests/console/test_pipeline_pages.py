"""The pages of pipelines."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat

from headrace import Input, Output
from headrace.console.sources import DIFF_LINES, differences

SOURCE = '''
"""{note}"""


def mix(text, number=2, flag=False, items=None, document=None):
    size = len(open(document["path"]).read()) if document else 0
    return {{"told": f"{{text}} {{number * {factor}}} {{flag}} {{items}} {{size}}"}}
'''


def create(desk: Desk, folder: Path, name: str, factor: int, **more: object) -> None:
    (folder / "mix.py").write_text(SOURCE.format(note=SCRIPT, factor=factor))
    desk.sdk.create_pipeline(
        name,
        "mix.py",
        "mix",
        IMAGE,
        container_config={"local_folder": str(folder)},
        inputs=[
            Input("text", "string", SCRIPT, is_required=True),
            Input("number", "number", default_value=2),
            Input("flag", "boolean"),
            Input("items", "array"),
            Input("document", "file"),
        ],
        outputs=[Output("told", "string")],
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def pipeline(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """The name of a pipeline with two versions."""
    name = f"mix-{uuid.uuid4().hex[:8]}"
    create(desk, tmp_path, name, 1)
    create(desk, tmp_path, name, 10, replace=True, message="ten times as much")
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


def test_a_form_made_from_the_types_runs_it(
    desk: Desk, seat: Seat, pipeline: str, tmp_path: Path
) -> None:
    page, document = seat.page, tmp_path / "five.txt"
    document.write_text("12345")
    page.goto(f"/pipelines/{pipeline}")
    page.get_by_role("link", name="Run", exact=True).click()
    page.get_by_label("text").fill("a 'text' & more")
    page.get_by_label("items").fill("[1, 2]")
    page.get_by_label("flag").select_option("true")
    page.get_by_label("document").set_input_files(document)
    page.get_by_role("button", name="Run").click()
    page.locator("#status").get_by_text("Succeeded").wait_for()
    page.locator(".mapping").get_by_text("a 'text' & more 20 True [1, 2] 5").wait_for()
    page.locator(".mapping").get_by_role("link", name="five.txt").click()
    page.get_by_text("12345").wait_for()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_fields_that_are_left_empty_are_not_given(seat: Seat, pipeline: str) -> None:
    page = seat.page
    page.goto(f"/pipelines/{pipeline}/run")
    page.get_by_label("text").fill("x")
    page.get_by_label("number").fill("")
    page.get_by_role("button", name="Run").click()
    page.locator(".mapping").get_by_text("x 20 False None 0").wait_for()
    assert seat.told == []


def test_a_form_that_is_refused_keeps_what_was_typed(desk: Desk, pipeline: str) -> None:
    form = {"value.text": SCRIPT, "value.number": "many"}
    refused = desk.web.post(f"/pipelines/{pipeline}/run", data=form)
    assert refused.status_code == 400
    assert "Input &#39;number&#39;, which is of type number, is not valid JSON" in refused.text
    assert SCRIPT not in refused.text
    assert "&lt;script&gt;" in refused.text
    missing = desk.web.post(f"/pipelines/{pipeline}/run", data={"value.number": "1"})
    assert (missing.status_code, "is required" in missing.text) == (400, True)
    unknown = desk.web.post(f"/pipelines/{pipeline}/run", data={"value.other": "1"})
    assert unknown.status_code == 400


def test_versions_are_compared_and_gone_back_to(desk: Desk, seat: Seat, pipeline: str) -> None:
    page = seat.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/pipelines/{pipeline}")
    page.get_by_role("region", name="mix.py").get_by_text("number * 10").wait_for()
    page.get_by_role("link", name="Versions").click()
    page.get_by_text("ten times as much").wait_for()
    page.locator(".diff .add .n").get_by_text("10").wait_for()
    assert "number * 10" in page.locator(".diff .add").inner_text()
    assert "number * 1}" in page.locator(".diff .take").inner_text()
    page.get_by_label("Make current: version 1").click()
    page.get_by_text("Version 1 is the current one.").wait_for()
    page.get_by_role("region", name="mix.py").get_by_text("number * 1}").wait_for()
    outputs = desk.sdk.run_pipeline(pipeline, inputs={"text": "x"})["outputs"]
    assert outputs["told"].startswith("x 2 ")
    page.goto(f"/pipelines/{pipeline}?version=2")
    page.get_by_role("region", name="mix.py").get_by_text("number * 10").wait_for()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_all_files_of_large_folders_are_compared(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        for number in range(600):
            (folder / f"{number:03d}.txt").write_text("same\n" * 30)
    (after / "599.txt").write_text("other\n")
    (after / "new.txt").write_text("\n".join(map(str, range(DIFF_LINES))))
    (before / "bytes").write_bytes(bytes([255]))
    found = differences(before, after)
    assert [(one.path, one.what) for one in found] == [
        ("599.txt", "changed"),
        ("bytes", "removed"),
        ("new.txt", "added"),
    ]
    assert found[0].lines == [
        ("at", "@@ -1,30 +1 @@"),
        *[("take", "-same")] * 30,
        ("add", "+other"),
    ]
    assert found[1].lines == [("at", "It is no text, or too large to show.")]
    assert found[2].lines[-1] == ("at", "There is more than is shown.")


def test_what_is_not_there_is_refused(desk: Desk, pipeline: str) -> None:
    for path, status in (
        ("/pipelines/no-such", 404),
        (f"/pipelines/{pipeline}?version=9", 404),
        (f"/pipelines/{pipeline}?version=x", 400),
        (f"/pipelines/{pipeline}?file=../../headrace.db", 404),
        (f"/pipelines/{pipeline}/versions?before=9", 404),
    ):
        assert desk.web.get(path).status_code == status, path
    used = desk.sdk.create_deployment(pipeline, f"{pipeline}-e", "endpoint")
    assert used
    refused = desk.web.post(f"/pipelines/{pipeline}/delete", data={})
    assert refused.status_code == 409
    assert f"{pipeline}-e" in refused.text


def test_a_pipeline_is_found_and_deleted(desk: Desk, seat: Seat, tmp_path: Path) -> None:
    name, page = f"gone-{uuid.uuid4().hex[:8]}", seat.page
    create(desk, tmp_path, name, 1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/pipelines?text={name[5:]}")
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text(f"{name} is deleted").wait_for()
    assert desk.web.get(f"/pipelines/{name}").status_code == 404


def test_the_pages_are_for_everybody(
    desk: Desk, pipeline: str, faults: Callable[[str], list[str]]
) -> None:
    for path in (
        "/pipelines",
        f"/pipelines/{pipeline}",
        f"/pipelines/{pipeline}/versions",
        f"/pipelines/{pipeline}/run",
    ):
        assert faults(path) == [], path
