"""``headrace migrate``: a server with all of its history goes on with its records in PostgreSQL."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import func, insert, select
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.postgres import Postgres
from tests.records import changing

from headrace import HeadraceSdk, Input, InputSource, Output, OutputDestination
from headrace.store.postgres.place import read_database
from headrace.store.tables import executions, metadata, settings

pytestmark = [pytest.mark.system, pytest.mark.once]

CODE = """\
def add(a, b):
    return {"sum": a + b}
"""


def migrate(data_dir: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "migrate", "--from", data_dir, "--to", url, *more],
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def filled(own_server: Callable[..., RunningServer], tmp_path: Path) -> RunningServer:
    """A server that did some of everything, and was stopped."""
    server = own_server()
    (tmp_path / "main.py").write_text(CODE)
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_or_update_environment_variable("KEPT", "a secret")
        sdk.create_pipeline(
            "add",
            "main.py",
            "add",
            container_config={"local_folder": str(tmp_path), "included_folders": ["main.py"]},
            inputs=[Input("a", "number"), Input("b", "number")],
            outputs=[Output("sum", "number")],
        )
        sdk.create_deployment(
            "add",
            "adder",
            "endpoint",
            mode="low_latency",
            inputs_mapping=[
                InputSource("a", endpoint_input_name="a"),
                InputSource("b", constant_value=2),
            ],
            outputs_mapping=[OutputDestination("sum", endpoint_output_name="sum")],
        )
        sdk.create_deployment(
            "add",
            "yearly",
            "periodic",
            schedule="0 0 1 1 *",
            inputs_mapping=[InputSource(name, constant_value=1) for name in ("a", "b")],
            outputs_mapping=[OutputDestination("sum", is_null=True)],
        )
        assert sdk.run_pipeline("add", inputs={"a": 1, "b": 5})["outputs"] == {"sum": 6}
    assert called(server) == 3
    assert server.stop() == 0
    return server


def called(server: RunningServer) -> object:
    with HeadraceSdk(server.token, server.url) as sdk:
        token = sdk.get_deployment("adder")["endpoint_token"]
        wait_until(lambda: sdk.get_deployment("adder")["status"] == "up", what="its pod is up")
    answer = httpx.post(
        f"{server.url}/endpoints/adder",
        json={"a": 1},
        headers={"Authorization": f"EndpointToken {token}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]["sum"]


def test_a_server_goes_on_with_all_that_it_had(
    filled: RunningServer, own_server: Callable[..., RunningServer], postgres: Postgres
) -> None:
    place = postgres.new_database()
    moved = migrate(filled.data_dir, place.url)
    assert moved.returncode == 0, moved.stderr
    assert "executions: 2 rows" in moved.stdout
    # The file is not used any more, by nobody who does not know.
    for command in ("serve", "check"):
        refused = subprocess.run(
            [HEADRACE, command, "--data-dir", filled.data_dir, "--port", "0"],
            env=clean_environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert refused.returncode == 1
        assert f"were moved to {place}: name that database" in refused.stderr
    filled.environ["HEADRACE_DATABASE"] = place.url
    filled.start()
    assert called(filled) == 3
    with HeadraceSdk(filled.token, filled.url) as sdk:
        assert len(sdk.list_pipeline_executions("add")) == 3
        assert sdk.run_pipeline("add", inputs={"a": 2, "b": 5})["outputs"] == {"sum": 7}
        variables = sdk.list_environment_variables()
        assert ("KEPT", "a secret") in {(each["name"], each["value"]) for each in variables}


def test_it_is_all_or_nothing_whenever_it_is_killed(
    filled: RunningServer, postgres: Postgres
) -> None:
    with changing(filled.data_dir / "headrace.db") as connection:
        row = dict(connection.execute(select(executions).limit(1)).mappings().one())
        many = [row | {"id": f"0{number:07}", "inputs": f"[{number}]"} for number in range(20_000)]
        connection.execute(insert(executions), many)
    place = postgres.new_database()
    for after_s in (0.6, 0.9, 1.2, 1.5):
        with subprocess.Popen(
            [HEADRACE, "migrate", "--from", filled.data_dir, "--to", place.url],
            env=clean_environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(after_s)
            process.kill()
    done = migrate(filled.data_dir, place.url)
    if done.returncode:
        # One of them had come to its end in time.
        assert "were moved to" in done.stderr
    counts = {}
    for records in (filled.data_dir / "headrace.db", place.url):
        with changing(records) as connection:
            counts[str(records)] = [
                connection.scalar(
                    select(func.count())
                    .select_from(table)
                    .where(
                        settings.c.key.not_in(["server_mark", "moved_to"])
                        if table is settings
                        else table.c[table.columns.keys()[0]].is_not(None)
                    )
                )
                for table in metadata.sorted_tables
            ]
    first, second = counts.values()
    assert first == second
    assert 20_002 in first


def test_what_cannot_be_moved_is_said(
    filled: RunningServer, postgres: Postgres, tmp_path: Path
) -> None:
    place = postgres.migrated()
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("INSERT INTO users VALUES ('x', 'x', 'x', 1)")
    other = migrate(filled.data_dir, place.url)
    assert other.returncode == 1
    assert (
        f"The database {read_database(place.url)} has records already, and others" in other.stderr
    )
    none = migrate(tmp_path / "nowhere", place.url)
    assert none.returncode != 0
    assert "No server ever ran on" in none.stderr
    away = migrate(filled.data_dir, "postgresql://me:secret-word@127.0.0.1:1/x")
    assert away.returncode == 3
    assert "cannot be used" in away.stderr
    for each in (other, none, away):
        assert "Traceback" not in each.stderr
        assert "secret-word" not in each.stderr
    assert filled.start().url
