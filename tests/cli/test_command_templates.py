"""``headrace templates``, and pipelines of them, against a real server."""

from __future__ import annotations

import shlex

import pytest

pytestmark = pytest.mark.system


def test_templates_are_listed(headrace):
    listed = headrace.json("templates", "list")
    assert {"name", "version", "enabled", "display_name"} <= listed[0].keys()
    said = headrace.said("templates", "list")
    assert all(item["name"] in said for item in listed)


def test_what_is_shown_makes_an_endpoint_that_answers(headrace, fresh, folder):
    shown = headrace.said("templates", "show", "csv-cleaner").splitlines()
    assert "input        table:file!  The CSV file, in UTF-8 or Latin-1" in "\n".join(shown)
    assert '["", "NA", "N/A"' in "\n".join(shown)
    create, deploy = (
        shlex.split(line.partition("headrace ")[2].replace("csv-cleaner", fresh))
        for line in shown
        if line.startswith(("create ", "deploy "))
    )
    create[-1] = "csv-cleaner"
    assert headrace.said(*create).startswith(f"Pipeline {fresh} is ready.")
    assert "template        csv-cleaner 1.0.0" in headrace.said("pipelines", "show", fresh)
    headrace.said(*deploy)
    table = folder / "table.csv"
    table.write_text("a\n1\n")
    answered = headrace.said("trigger", fresh, "-i", f"table=@{table}", "-i", "delimiter=;")
    assert answered.startswith('summary  {"rows": 1, "kept": 1')
    (called,) = headrace.json("executions", "list", "--pipeline", fresh)["items"]
    stored = f"cleaned/{called['execution_id']}.csv"
    assert stored in {item["path"] for item in headrace.json("store", "ls", "cleaned")}
    headrace.said("store", "rm", stored)


def test_the_variables_of_a_template_are_shown(headrace):
    assert "variable     CHAT_API_KEY  Its key" in headrace.said(
        "templates", "show", "chat-completion"
    )


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--template", "csv-cleaner", "--folder", "."], 2, "it excludes --folder"),
        (["--template", "csv-cleaner", "--function", "a.py:f"], 2, "it excludes --function"),
        (["--template", "csv-cleaner", "-i", "a:number"], 2, "it excludes --input"),
        (["--template", "csv-cleaner", "--no-requirements"], 2, "it excludes --no-requirements"),
        (["--template", "no-such"], 1, "no pipeline template 'no-such'; there are chat-completion"),
        (["--template", "../x"], 1, "pipeline_template_name '../x' is not a valid name"),
        ([], 2, "it is missing; or give --template"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_said(headrace, options, code, said):
    done = headrace("pipelines", "create", "cli-never", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "cli-never" not in headrace.said("pipelines", "list")
