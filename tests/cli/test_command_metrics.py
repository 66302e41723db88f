"""``headrace metrics``, against a real server."""

from __future__ import annotations

import csv
import io
import re

import pytest

from headrace import HeadraceSdk
from headrace.cli.charts import chart

pytestmark = pytest.mark.system


@pytest.fixture
def execution(pipeline, server, monkeypatch):
    """An execution with metrics."""
    with HeadraceSdk(server.token, server.url) as sdk:
        execution_id = sdk.run_pipeline(pipeline("nothing"), inputs={})["execution_id"]
        monkeypatch.setenv("HEADRACE_EXECUTION_ID", execution_id)
        sdk.record_metric_value("accuracy", 0.5)
        sdk.record_list_metric_values("loss/train", [3, 2, 1])
    return execution_id


def test_metrics_are_listed_with_what_they_belong_to(headrace, execution):
    listed = headrace.said("metrics", "list", "--execution", execution[:20])
    assert re.search(r"accuracy +0.5 +cli-nothing", listed)
    assert re.search(r"loss/train +3 values, last 1 +cli-nothing", listed)
    single, several = headrace.json("metrics", "list", "--execution", execution)
    assert (single["value"], several["values"]) == (0.5, [3.0, 2.0, 1.0])


def test_csv_has_a_line_for_each_value(headrace, execution):
    text = headrace.said("metrics", "list", "--execution", execution, "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    found = [(row["name"], row["position"], row["value"]) for row in rows]
    lines = [("loss/train", str(at), str(value)) for at, value in enumerate([3.0, 2.0, 1.0])]
    assert found == [("accuracy", "0", "0.5"), *lines]
    assert {row["execution_id"] for row in rows} == {execution}


def test_a_metric_is_drawn(headrace, execution):
    drawn = headrace.said(
        "metrics", "plot", "loss/train", "--execution", execution, "--height", "2"
    )
    title, top, bottom = drawn.splitlines()
    assert title == f"loss/train: execution {execution}, 3 values"
    assert top == "3 █▁"
    assert bottom == "1 ██▁"


def test_a_metric_that_is_not_there_is_said(headrace):
    done = headrace("metrics", "plot", "no such metric")
    assert done.returncode == 1
    assert "There is no metric 'no such metric'" in done.stderr


@pytest.mark.parametrize(
    ("values", "lines"),
    [([5], ["5 █"]), ([5, 5, 5], ["5 ███"]), ([0, 7], ["7", "0"]), ([1e308] * 9, ["1e+308 ████"])],
)
def test_charts_of_what_is_flat_short_or_huge(values, lines):
    drawn = chart(values, 4, len(lines))
    assert [line.split(" ")[0] for line in drawn] == [line.split(" ")[0] for line in lines]
    if len(lines) == 1:
        assert len(drawn[0]) <= len(lines[0])


def test_names_that_a_spreadsheet_would_compute_are_written_as_texts(headrace, execution, server):
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.record_metric_value("=1+1", -2)
    text = headrace.said("metrics", "list", "--execution", execution, "--csv")
    rows = {row["name"]: row["value"] for row in csv.DictReader(io.StringIO(text))}
    assert rows["'=1+1"] == "-2.0"


def test_what_an_execution_used_is_shown(headrace, execution):
    shown = headrace.said("metrics", "resources", execution[:20])
    assert re.search(r"1 execution: \d+\.\d\d s of processor time, at most .+ of memory", shown)
    found = headrace.json("metrics", "resources", execution)
    assert found["additional_data"]["executions"] == 1
    text = headrace.said("metrics", "resources", execution, "--csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["execution_id"] == execution
    assert int(row["ram_bytes"]) == found["additional_data"]["total"]["peak_ram_bytes"]


def test_resources_of_nothing_are_refused(headrace):
    done = headrace("metrics", "resources")
    assert done.returncode == 2
    assert "name an execution, or a --pipeline or a --deployment" in done.stderr
