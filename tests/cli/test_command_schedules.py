"""``headrace deployments`` for periodic ones and ``headrace schedules``, against a real server."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing

import pytest
from tests.overdue import early_in_a_minute, forget, make_overdue

from headrace import HeadraceSdk

pytestmark = pytest.mark.system


@pytest.fixture(scope="session")
def sdk(server):
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture
def name(sdk):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"cli-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


@pytest.fixture
def overdue(headrace, pipeline, server, sdk, name):
    """Creates a deployment of every minute, of which the last minutes come due."""

    def make(count, *arguments):
        nothing = pipeline("nothing")
        early_in_a_minute()
        headrace.said(
            "deployments", "create", name, "--pipeline", nothing, "--schedule", "* * * * *",
            *arguments,
        )  # fmt: skip
        return make_overdue(server, sdk, name, nothing, count)

    return make


def fields_of(text):
    """Return the lines of a document by their names; what comes several times is the last."""
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in text.splitlines()}


def test_a_periodic_deployment_is_created_shown_and_changed(headrace, pipeline, name):
    said = headrace.said(
        "deployments", "create", name, "--pipeline", pipeline("echo"), "--rule", "periodic",
        "--schedule", "30 2 * * *", "--timezone", "Europe/Paris", "--missed", "latest",
        "--missed-window", "2h", "--overlap", "queue_one", "--jitter", "1m30s", "--timeout", "15m",
        "--retries", "3", "--retry-backoff", "2.5", "-i", "text=constant:hello", "-o", "text=null",
    )  # fmt: skip
    shown = fields_of(said)
    assert shown["schedule"] == "30 2 * * *"
    assert shown["which means"] == "At 02:30 AM"
    assert shown["missed"] == "latest, up to 2h"
    assert shown["jitter"] == "1m 30s"
    assert said.count("fires at") == 5
    assert " 02:30 CE" in shown["fires at"]
    found = headrace.json("deployments", "show", name)
    assert {key: found[key] for key in ("missed_window_s", "jitter_s", "execution_timeout_s")} == {
        "missed_window_s": 7200,
        "jitter_s": 90,
        "execution_timeout_s": 900,
    }
    shown = fields_of(headrace.said("deployments", "show", name))
    assert (shown["rule"], shown["status"]) == ("periodic", "up")
    assert (shown["timeout"], shown["retries"]) == ("15m", "3, the first after 2.5s")
    assert (shown["input"], shown["output"]) == ("text=constant:hello", "text=null")
    assert "url" not in shown

    said = headrace.said("deployments", "update", name, "--disable", "--schedule", "0 12 * * *")
    assert said == f"Deployment {name} is disabled.\n"
    done = headrace("schedules", "next", name)
    assert f"{name} is disabled" in done.stderr
    said = headrace.said("deployments", "update", name, "--retries", "1", "--jitter", "0")
    assert said == f"Deployment {name} is disabled.\n"
    said = headrace.said("deployments", "update", name, "--enable", "-i", "text=constant:bye")
    assert "is up. It fires next on " in said
    assert " 12:00 CE" in said
    found = headrace.json("deployments", "show", name)
    assert (found["retries"], found["retry_backoff_s"], found["overlap"]) == (1, 2.5, "queue_one")
    listed = headrace.said("deployments", "list").splitlines()
    assert "NEXT FIRE TIME" in listed[0]
    assert any(line.startswith(name) and " periodic " in line for line in listed)


def test_a_schedule_makes_a_deployment_periodic(headrace, pipeline, name):
    arguments = ("deployments", "create", name, "--pipeline", pipeline("nothing"))
    created = headrace.json(*arguments, "--schedule", "0 3 * * *", "--disabled")
    assert (created["execution_rule"], created["status"]) == ("periodic", "disabled")
    headrace.said("deployments", "delete", name)
    assert headrace.json(*arguments)["execution_rule"] == "endpoint"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--rule", "periodic"], 1, "schedule is missing"),
        (["--schedule", "* * * *"], 1, "has 4 fields"),
        (["--schedule", "0 0 30 2 *"], 1, "never fires"),
        (["--schedule", "* * * * *", "--timezone", "Mars"], 1, "timezone must be"),
        (["--rule", "endpoint", "--schedule", "* * * * *"], 1, "is for periodic deployments"),
        (["--schedule", "* * * * *", "--url-path", "a"], 1, "is for endpoints"),
        (["--rule", "run"], 2, "--rule"),
        (["--schedule", "* * * * *", "--missed", "some"], 2, "--missed"),
        (["--schedule", "* * * * *", "--overlap", "some"], 2, "--overlap"),
        (["--schedule", "* * * * *", "--retries", "101"], 2, "--retries"),
        (["--schedule", "* * * * *", "--jitter", "soon"], 2, "'soon' is no duration"),
        (["--schedule", "* * * * *", "--jitter", "5x"], 2, "90s, 15m, 2h"),
        (["--schedule", "* * * * *", "--jitter", "h"], 2, "is no duration"),
        (["--schedule", "* * * * *", "--missed-window", "-1"], 2, "is no duration"),
        (["--schedule", "* * * * *", "--jitter", "2h"], 1, "--jitter must be"),
    ],
)
def test_what_cannot_be_created_says_why(headrace, pipeline, name, arguments, code, words):
    done = headrace("deployments", "create", name, "--pipeline", pipeline("nothing"), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert headrace("deployments", "show", name).returncode == 1


def test_an_update_of_nothing_is_wrong_usage(headrace, pipeline, name):
    done = headrace("deployments", "update", name)
    assert done.returncode == 2
    assert "nothing is to be changed" in done.stderr


def test_the_next_fire_times_are_shown_in_the_zone_and_in_utc(headrace, pipeline, name):
    arguments = ("deployments", "create", name, "--pipeline", pipeline("nothing"))
    headrace.said(*arguments, "--schedule", "0 3 * * *", "--timezone", "Asia/Tokyo")
    lines = headrace.said("schedules", "next", name, "--count", "3").splitlines()
    assert lines[0].split() == ["Asia/Tokyo", "UTC"]
    assert len(lines) == 4
    assert all(" 03:00 JST " in line and line.endswith(" 18:00:00Z") for line in lines[1:])
    assert len(headrace.json("schedules", "next", name)["fire_times"]) == 10
    headrace.said("deployments", "update", name, "--timezone", "UTC", "--jitter", "30m")
    done = headrace("schedules", "next", name)
    assert done.stdout.splitlines()[0] == "UTC"
    assert "later, by the deployment's jitter" in done.stderr
    assert headrace("schedules", "next", name, "--count", "0").returncode == 2
    assert headrace("schedules", "next", "no-such-deployment").returncode == 1


def test_the_ledger_is_shown(headrace, name, overdue):
    fates = overdue(6)
    lines = headrace.said("schedules", "ledger", name).splitlines()
    assert lines[0].split() == ["FIRE", "TIME", "FATE", "RECORDED", "EXECUTION", "STATUS", "DETAIL"]
    shown = [line.split()[2] for line in lines[1:]]
    assert shown[-6:] == fates[::-1]
    assert "missed" in shown
    rows = headrace.json("schedules", "ledger", name)
    assert [row["fate"] for row in rows] == shown
    ran = next(row for row in rows if row["fate"] == "ran")
    shown = fields_of(headrace.said("executions", "show", ran["execution_id"]))
    assert shown["deployment"] == name
    assert shown["fire time"].startswith(ran["fire_at"][:10])
    only = headrace.json("schedules", "ledger", name, "--fate", "missed")
    assert {row["fate"] for row in only} == {"missed"}
    done = headrace("schedules", "ledger", name, "--limit", "2", "--json")
    some = json.loads(done.stdout)
    assert (len(some), "There are more: --to " in done.stderr) == (2, True)
    rest = headrace.json("schedules", "ledger", name, "--to", some[-1]["fire_at"])
    assert [row["fire_at"] for row in rest] == [
        row["fire_at"] for row in rows[len(rows) - len(rest) :]
    ]
    assert rest[0]["fire_at"] < some[-1]["fire_at"]
    none = headrace("schedules", "ledger", name, "--from", "2999-01-01")
    assert (none.returncode, none.stdout) == (0, "")
    assert "no such fire times" in none.stderr
    day = rows[-1]["fire_at"][:10]
    assert headrace.json("schedules", "ledger", name, "--from", day, "--to", "2999-01-01")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ledger", "NAME", "--from", "yesterday"], 2, "'yesterday' is no time"),
        (["ledger", "NAME", "--to", "2026-02-30"], 2, "is no time"),
        (["ledger", "NAME", "--fate", "lost"], 2, "--fate"),
        (["ledger", "NAME", "--limit", "0"], 2, "--limit"),
        (["ledger", "no-such-deployment"], 1, "there never was"),
        (["ledger", "NAME", "--from", "2026-02-01", "--to", "2026-01-01"], 1, "from must be"),
        (["verify", "no-such-deployment"], 1, "there never was"),
        (["verify", "--from", "0001-01-01T00:00:00+05:00"], 2, "is no time"),
    ],
)
def test_a_wrong_question_is_refused(headrace, pipeline, name, arguments, code, words):
    headrace.said(
        "deployments", "create", name, "--pipeline", pipeline("nothing"), "--schedule", "0 3 * * *"
    )
    done = headrace("schedules", *(name if word == "NAME" else word for word in arguments))
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_a_ledger_without_faults_is_proven(headrace, name, overdue):
    overdue(4)
    header, line = headrace.said("schedules", "verify", name).splitlines()
    assert header.split() == ["DEPLOYMENT", "FIRE", "TIMES", "ROWS", "FATES", "PROVEN"]
    assert line.startswith(name)
    assert line.endswith("yes")
    assert headrace.json("schedules", "verify", name)["is_proven"] is True
    assert any(line.startswith(name) for line in headrace.said("schedules", "verify").splitlines())


class Ledger:
    """The rows of a deployment in the server's database, for damage that no server would do."""

    def __init__(self, server, name):
        self._path = server.data_dir / "headrace.db"
        (found,) = self.carry_out("SELECT id FROM deployments WHERE name = ?", name)
        self._id = found[0]
        self._rows = self.carry_out(
            "SELECT * FROM ledger WHERE deployment_id = ? ORDER BY fire_at", self._id
        )

    def carry_out(self, statement, *values):
        with closing(sqlite3.connect(self._path, timeout=60)) as database, database:
            return database.execute(statement, values).fetchall()

    def lose(self, row):
        of_row = "DELETE FROM ledger WHERE deployment_id = ? AND fire_at = ?"
        self.carry_out(of_row, self._id, self._rows[row][1])

    def move(self, row, seconds):
        of_row = "UPDATE ledger SET fire_at = ? WHERE deployment_id = ? AND fire_at = ?"
        stamp = self._rows[row][1]
        self.carry_out(of_row, stamp + seconds * 1_000_000, self._id, stamp)

    def restore(self):
        self.carry_out("DELETE FROM ledger WHERE deployment_id = ?", self._id)
        for row in self._rows:
            self.carry_out("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", *row)


def test_a_fault_of_the_ledger_is_listed_and_exits_with_one(
    headrace, server, name, overdue, request
):
    overdue(5)
    rows = headrace.json("schedules", "ledger", name)[::-1]
    # Of the first five fire times, so that later ones do no harm.
    lost, moved = rows[1]["fire_at"], rows[3]["fire_at"]
    headrace.said("deployments", "update", name, "--schedule", "0 0 1 1 *")
    ledger = Ledger(server, name)
    request.addfinalizer(ledger.restore)
    ledger.lose(1)
    ledger.move(3, seconds=1)

    done = headrace("schedules", "verify", name)
    assert done.returncode == 1
    assert " NO" in done.stdout
    shown = [at[:19].replace("T", " ") + "Z" for at in (lost, moved)]
    assert f"{name}: 2 without a row: {', '.join(shown)}\n" in done.stdout
    assert f"{name}: 1 with a row, though the schedule has none then" in done.stdout
    done = headrace("schedules", "verify", name, "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)["deployments"][0]
    assert found["missing"] == [lost, moved]
    assert (found["missing_count"], found["unexpected_count"]) == (2, 1)
    assert headrace("schedules", "verify").returncode == 1
    # What lies outside of the period is not looked at.
    assert headrace("schedules", "verify", name, "--to", lost).returncode == 0
    assert headrace("schedules", "verify", name, "--from", rows[4]["fire_at"]).returncode == 0
    ledger.restore()
    assert headrace("schedules", "verify", name).returncode == 0


def test_a_call_by_hand_executes_a_periodic_deployment(headrace, pipeline, name):
    headrace.said(
        "deployments", "create", name, "--pipeline", pipeline("nothing"), "--schedule", "0 3 * * *"
    )
    assert "succeeded" in headrace.said("trigger", name)
    assert headrace.json("schedules", "ledger", name) == []


def rehearse(nobody, *arguments):
    return nobody("schedules", "rehearse", *arguments)


def test_a_rehearsal_needs_no_server(nobody):
    done = rehearse(
        nobody, "*/30 * * * *", "--timezone", "Europe/Paris", "--from", "2026-01-01",
        "--duration", "45m",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    assert "which means   Every 30 minutes" in said
    assert "fire times    17,520" in said
    assert "Thu 2026-01-01 00:30 CET  2025-12-31 23:30:00Z" in said
    assert "2026-03  1486" in said
    assert "clocks go forward from 02:00 to 03:00" in said
    assert "02:30 skipped, nothing fires" in said
    assert "02:30 comes twice, fires both times: Sun 2026-10-25 02:30 CEST" in said
    assert "17,519 of 17,520 fire times come before" in said
    assert "parallel        17,520 start, 2 at once at most" in said
    assert "skip            8,760 start, 8,760 are skipped" in said


def test_a_rehearsal_says_what_becomes_of_a_time_of_the_day(nobody):
    done = rehearse(nobody, "15 2 * * *", "--timezone", "Europe/Paris", "--from", "2026-01-01",
                    "--duration", "90")  # fmt: skip
    assert (
        "02:15 skipped, fires at the change: Sun 2026-03-29 03:00 CEST (2026-03-29 01:00:00Z)"
        in done.stdout
    )
    assert "02:15 comes twice, fires the first time only: Sun 2026-10-25 02:15 CEST" in done.stdout
    assert "If each execution takes 1m 30s, it has ended before the next fire time." in done.stdout
    many = rehearse(nobody, "* 2 * * *", "--timezone", "Europe/Paris", "--from", "2026-01-01")
    assert "02:00 to 02:59 (60 times): skipped, nothing fires" in many.stdout
    several = rehearse(nobody, "*/10 * * * 0", "--from", "2026-01-01")
    assert "Clocks are not changed in UTC" in several.stdout
    whole_day = rehearse(nobody, "0 12 * * *", "--timezone", "Pacific/Apia", "--from", "2011-12-01")
    assert "forward from 2011-12-30 00:00 to 2011-12-31 00:00" in whole_day.stdout


def test_a_rehearsal_for_programs(nobody):
    done = rehearse(
        nobody, "30 2 * * *", "--timezone", "Europe/Paris", "--from", "2026-01-01",
        "--duration", "1d30m", "--json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["fire_times"], found["months"]["2026-02"]) == (365, 28)
    assert (found["from"], found["to"]) == ("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z")
    assert found["next_fire_times"][0] == {
        "utc": "2026-01-01T01:30:00Z",
        "local": "2026-01-01T02:30:00+01:00",
    }
    assert found["clock_changes"][0] == {
        "day": "2026-03-29",
        "at": "2026-03-29T01:00:00Z",
        "clocks_from": "2026-03-29T02:00:00",
        "clocks_to": "2026-03-29T03:00:00",
        "fire_times": 1,
        "affected": [
            {
                "time": "2026-03-29T02:30:00",
                "effect": "at_the_change",
                "fire_times": ["2026-03-29T01:00:00Z"],
            }
        ],
    }
    assert found["shortest_gap"] == {
        "seconds": 84600,
        "from": "2026-03-28T01:30:00Z",
        "to": "2026-03-29T01:00:00Z",
    }
    assert found["overlaps"]["overlapping"] == 363
    assert found["overlaps"]["policies"]["cancel_running"]["cancelled"] == 363
    none = json.loads(rehearse(nobody, "0 0 29 2 *", "--from", "2026-01-01", "--json").stdout)
    assert (none["fire_times"], none["shortest_gap"], none["overlaps"]) == (0, None, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["* * * *"], "has 4 fields"),
        (["0 0 31 4 *"], "never fires"),
        (["@hourly"], "has 1 field"),
        (["0 3 * * *", "--timezone", "Mars"], "--timezone"),
        (["0 3 * * *", "--from", "soon"], "'soon' is no day"),
        (["0 3 * * *", "--from", "1900-01-01"], "must be from 1970-01-01"),
        (["0 3 * * *", "--duration", "400d"], "from 0 seconds to 366 days"),
        (["0 3 * * *", "--duration", "1h 5"], "is no duration"),
        ([], "Missing argument"),
    ],
)
def test_a_wrong_rehearsal_exits_with_two(nobody, arguments, words):
    done = rehearse(nobody, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
