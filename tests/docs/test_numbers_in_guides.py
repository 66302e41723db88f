"""Each figure in the guides is one that the code has."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from headrace.agent import actor
from headrace.api import data_store as api_data_store
from headrace.api import logs
from headrace.client import data_store as client_data_store
from headrace.console import bulk_work, sent_code, several
from headrace.console import logs as console_logs
from headrace.control import deletion, passwords, variables
from headrace.control import standby as control_standby
from headrace.control.activities import RANGES
from headrace.control.metrics import MAX_PAGE_VALUES
from headrace.control.transactions import verification
from headrace.core import (
    activity,
    attachments,
    clock_trust,
    comparisons,
    compatibility,
    execution_filters,
    filenames,
    health,
    low_latency,
    metrics,
    names,
    parameters,
    pipelines,
    pods,
    resources,
    retries,
    schedule_requests,
    schedules,
    sessions,
    standby,
    tries,
    usage,
    users,
    values,
    version_use,
)
from headrace.core.compatibility import MAX_CALLS
from headrace.endpoints import streams
from headrace.engines.local.hanging import Patience
from headrace.engines.local.pods import PodSettings, pace
from headrace.engines.ray import engine as ray_engine
from headrace.environments import requirements_files, uv
from headrace.keeping import builds, collector, log_copies, removal
from headrace.keeping.activity import SETTLED_AFTER
from headrace.keeping.usage import RECORD_EVERY
from headrace.local import own_server, place
from headrace.logs import numbered
from headrace.objects import port as objects_port
from headrace.objects.bucket import connection as bucket_connection
from headrace.objects.bucket import keys as bucket_keys
from headrace.objects.bucket import uploads as bucket_uploads
from headrace.server import health as server_health
from headrace.server import http, limits
from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings
from headrace.serving import calls as serving_calls
from headrace.serving import refusals
from headrace.store import execution_counts, execution_search
from headrace.store.book import mover
from headrace.store.postgres import connections as postgres_connections
from headrace.store.postgres import migrate as postgres_migrate
from headrace.web import call_bodies, form_parts, form_terms
from headrace.wire import answers, deployment_requests
from headrace_harness import capture
from headrace_harness.running import _MEMORY_POLL_S as MEMORY_POLL_S
from headrace_harness.streams import WINDOW_BYTES

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
FIGURE = re.compile(
    r"\d[\d,.]* (?:bytes|MiB|KiB|MB|GB|seconds|ms|minutes|hours?|days?|characters|lines|files"
    r"|headers|fields|pods)\b"
)

DAY = 86400
DEFAULTS: dict[str, Any] = {setting.name: setting.default for setting in fields(Settings)}
POD: dict[str, Any] = {
    setting.name: setting.default for setting in (*fields(PodSettings), *fields(Patience))
}
PLAN: dict[str, Any] = {field.name: field.default for field in fields(pods.PodPlan)}


def count(number: float) -> str:
    """Return a number as the guides write it."""
    return f"{number:,.0f}"


WORDS = {0.005: "five", 0.1: "ten", 5: "five", 10: "ten"}
"""Numbers that the guides write out; a rate by its period."""

INPUTS = count(DEFAULTS["max_input_bytes"])
OUTPUTS = count(DEFAULTS["max_output_bytes"])
TEXT = f"{count(form_terms.MAX_TEXT_BYTES)} bytes"
UPLOAD = f"by default {DEFAULTS['max_upload_bytes'] // 10**9} GB"
FOLDER = (
    f"`HEADRACE_MAX_FOLDER_BYTES`, by default {count(pipelines.MAX_FOLDER_BYTES)} bytes; of the "
    f"public client {count(pipelines.MAX_CONTRACT_FOLDER_BYTES)}"
)
HOLD = count(answers.MAX_HOLD_S)
RECORD = f"{serving_calls.RECORD_AFTER_S * 1000:.0f} ms"
MOVE = f"{mover.MOVE_AFTER_S * 1000:.0f} ms"
ON_TIME = f"{schedules.ON_TIME.total_seconds():.0f} seconds"
INCLUDED = count(requirements_files.MAX_BYTES)
PARALLEL = count(low_latency.MAX_PARALLEL)
HEAD = f"{count(limits.MAX_HEAD_BYTES)} bytes, {limits.MAX_HEADERS} headers"
GRACES = DEFAULTS["stop_grace_s"] + DEFAULTS["execution_grace_s"]
STOP = Settings().longest_end_s
UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "headrace.service"
UNIT_STOP = UNIT.read_text().partition("TimeoutStopSec=")[2].split()[0]
IMAGE = (ROOT / "Containerfile").read_text()
IMAGE_CHECK = IMAGE.partition("--interval=")[2].partition("s")[0]
FRAMING = count(limits.MAX_FRAMING_BYTES)
WINDOW = schedules.DEFAULT_MISSED_WINDOW_S / DAY
BACKOFF = f"{retries.DEFAULT_BACKOFF_S:.0f} seconds"
LOG = PLAN["log_bytes"] >> 20
MINUTES = {name: count(divided.point_s / 60) for name, divided in RANGES.items()}
HOURS = {name: count(divided.point_s / 3600) for name, divided in RANGES.items()}
KEPT = {step_s: kept_s // 3600 for step_s, kept_s in activity.STEPS.items()}
COUNTS = [
    f"| `1h` | {MINUTES['1h']} minute | {KEPT[60]} hours |",
    f"| `6h`, `24h` | {MINUTES['6h']} and {MINUTES['24h']} minutes | {KEPT[600]} hours |",
    f"| `7d` | {HOURS['7d']} hour | {KEPT[3600] // 24} days |",
    f"| `31d` | {HOURS['31d']} hours | {KEPT[21_600] // 24} days |",
    f"on record more than {SETTLED_AFTER.total_seconds():.0f} seconds after",
]


def constants(path: str) -> dict[str, int]:
    """The whole numbers that a file of a pipeline template names."""
    code = (ROOT / "src" / "headrace" / "pipeline_templates" / path).read_text()
    found = re.findall(r"^([A-Z_]+) = ([\d_]+)$", code, re.MULTILINE)
    return {name: int(value) for name, value in found}


CHAT = constants("shared/chat_api.py")
RETRIEVAL = constants("retrieval_chat/code/main.py")
MB = 10**6

CLAIMS: dict[str, list[str]] = {
    "attached-files": [f"more than {attachments.MAX_ATTACHMENTS} files"],
    "daily-loop": [f"the last {count(compatibility.MAX_CALLS)} recorded calls"],
    "versions": [
        f"the {DEFAULTS['keep_versions']} newest versions",
        f"the last {count(MAX_CALLS)} recorded calls",
    ],
    "data-store": [
        f"Files of {client_data_store.PART_BYTES >> 20} MiB and more are sent in parts",
        f"files over {client_data_store.SHOWN_FROM_BYTES // 10**6} MB have a progress bar",
        f"{filenames.MAX_PATH_BYTES} bytes, 255 for each segment",
        f"| Parts of an upload | {count(objects_port.MAX_PARTS)} |",
        f"| A page of a list | {api_data_store.PAGE_SIZE} files",
    ],
    "developing-locally": [
        f"the last {own_server.SETTINGS['HEADRACE_KEEP_VERSIONS']} versions",
        f"the last {own_server.SETTINGS['HEADRACE_KEEP_EXECUTIONS']} calls",
        f"{place.UNUSED_S // DAY} days after its last use",
        f"127.0.0.1:{own_server.USUAL_PORT}",
    ],
    "endpoints": [
        f"more than {filenames.MAX_FILENAME_BYTES} bytes the beginning",
        f"A call is held for up to {HOLD} seconds",
        f"`HEADRACE_MAX_INPUT_BYTES` of JSON together, by default {INPUTS}",
        f"`HEADRACE_MAX_OUTPUT_BYTES`, by default {OUTPUTS};",
        f"`HEADRACE_MAX_UPLOAD_BYTES`, {UPLOAD}",
        f"all fields of a form together: {TEXT}",
        f"A form: {count(form_terms.MAX_FIELDS)} fields",
        f"names of {count(form_terms.MAX_NAME_BYTES)} bytes",
        f"a boundary of {form_parts.MAX_BOUNDARY_LENGTH} characters",
        f"An `Idempotency-Key`: {call_bodies.MAX_KEY_LENGTH} characters",
    ],
    "environments": [
        FOLDER,
        f"Up to {requirements_files.MAX_FILES} files of up to {INCLUDED} bytes",
        f"takes longer than {builds.IMPORT_WAIT_S:.0f} seconds",
        f"A build may take {uv.DEFAULT_TIMEOUT_S:.0f} seconds",
        f"at most {DEFAULTS['git_timeout_s']:.0f} seconds (`HEADRACE_GIT_TIMEOUT_S`)",
    ],
    "executions": [
        f"At most {comparisons.MAX_COMPARED} are compared",
        f"It counts {count(execution_filters.MOST_COUNTED)} and then says",
        f"compares the newest {count(execution_counts.COMPARED)} of each status",
        f"a list looks at {count(execution_search.LOOKED_AT)} executions at a time",
        f"A template that does not answer for {POD['hang_s']:.0f} seconds",
        f"works without an answer for {POD['busy_hang_s']:.0f} seconds",
        f"`retry_backoff_s`, {BACKOFF} by default",
        f"A line has at most {count(capture.LINE_BYTES)} bytes",
        f"returns at most {count(logs.MAX_LINES)} lines",
        f"looked at {WORDS[MEMORY_POLL_S]} times a second",
        f"Of the latest {health.RECENT} executions",
    ],
    "files-and-types": [
        f"`HEADRACE_MAX_INPUT_BYTES`, by default {INPUTS} bytes |",
        f"`HEADRACE_MAX_OUTPUT_BYTES`, by default {OUTPUTS} bytes;",
        f"inside one another | {values.MAX_DEPTH} |",
        f"`HEADRACE_MAX_UPLOAD_BYTES`, {UPLOAD}",
        f"all fields of a form together | {TEXT} |",
        f"name of a file | {filenames.MAX_FILENAME_BYTES} bytes",
        f"inputs and outputs of a pipeline | {parameters.MAX_PARAMETERS} each",
        FOLDER,
        f"an environment variable | {count(variables.MAX_VALUE_BYTES)} bytes",
        f"a name | {names.MAX_NAME_LENGTH} characters",
        f"data store | {filenames.MAX_PATH_BYTES} bytes, 255 for each",
    ],
    "low-latency": [
        f"how many pods, {low_latency.MAX_PODS} at most",
        f"| {pods.DEFAULT_MAX_PARALLEL} | how many at once, if so; {PARALLEL}",
        f"| {count(low_latency.DEFAULT_MAX_QUEUE)} | how many calls may wait",
        f"takes longer than {RECORD}",
        f"up to {WORDS[pace.AHEAD_S]} milliseconds' worth of calls",
        f"It holds the latest {LOG // 2} to {LOG} MiB",
        f"as soon as it is {WINDOW_BYTES >> 10} KiB ahead",
        f"takes nothing for {POD['stream_stall_s']:.0f} seconds",
        f"is sent every {streams.SIGN_OF_LIFE_S:.0f} seconds",
        f"1, 2, 4 … at most {POD['max_retry_s']:.0f} seconds",
        f"runs no Python for {POD['hang_s']:.0f} seconds",
        f"interpreter busy has {POD['busy_hang_s']:.0f} seconds",
    ],
    "console": [
        f"shows {console_logs.LINES} lines, its last ones",
        f"counts up to {count(numbered.MOST_FOUND)} that have the text",
        f"lists the first {console_logs.FOUND}.",
        f"side by side, {comparisons.MAX_COMPARED} at most",
        {3600: "For an hour after the code was sent"}[sent_code.LIFETIME_S],
        f"after {sessions.IDLE.days} days without use",
        f"after {sessions.LIFETIME.days} days, and at once",
        f"newest {count(version_use.LOOKED_AT)} executions of the pipeline",
        f"At most {count(several.MOST)} can be ticked;",
        f"At most {bulk_work.AT_ONCE} such jobs are under way at once",
        f"begins nothing after {bulk_work.WORK_S / 60:.0f} minutes;",
    ],
    "people": [
        f"at least {users.MIN_PASSWORD} characters, of which {users.MIN_DIFFERENT} are different",
        (
            f"its first {tries.IPV6_PREFIX} bits), with passwords and wrong SDK tokens "
            f"| {tries.OF_ADDRESS.in_a_row} | one every {tries.OF_ADDRESS.every_s:.0f} seconds |"
        ),
        (
            f"all addresses together | {tries.OF_NAME.in_a_row} "
            f"| one every {tries.OF_NAME.every_s:.0f} seconds |"
        ),
        (
            f"the two above | {tries.OF_BROWSER.in_a_row} "
            f"| one every {tries.OF_BROWSER.every_s:.0f} seconds |"
        ),
        (
            f"{passwords.AT_ONCE} passwords are hashed at the same time, at a lower priority than "
            f"calls, and at most {passwords.MOST_WAITING} wait, {passwords.KEPT_FOR_KNOWN} of them"
        ),
    ],
    "metrics": [
        f"single metrics in one execution | {metrics.MAX_METRICS} |",
        f"list metrics in one execution | {metrics.MAX_LIST_METRICS} |",
        f"values of one list | {count(metrics.MAX_LIST_VALUES)} |",
        f"(the clients send several) | {count(metrics.MAX_VALUES)} |",
        f"characters of a name | {metrics.MAX_NAME_LENGTH}, all visible",
        f"at most {count(MAX_PAGE_VALUES)} values of lists",
        f"Every {resources.SAMPLE_S} seconds",
        f"after {resources.STEPS[1][0] // resources.DAY_S} days over",
        f"over {resources.STEPS[2][1] // 60} minutes",
        f"after {resources.KEPT_S // resources.DAY_S} days they go",
        (
            f"each second for {usage.DISTANCES[0][0]:.0f} seconds, "
            f"each {usage.DISTANCES[1][1]:.0f} seconds until a minute, "
            f"and each {usage.LATER_S:.0f} seconds after it"
        ),
        f"measurements of its last {RECORD_EVERY * usage.FIRST_SAMPLE_S:.0f} seconds",
    ],
    "as-a-service": [
        f"gives the server {UNIT_STOP} seconds, which is more than the {STOP:.0f} that it"
    ],
    "in-containers": [
        f"every {IMAGE_CHECK} seconds |",
        f"A stop takes up to {STOP:.0f} seconds** by default",
    ],
    "cluster": [
        f"after {ray_engine.SILENCE_S:.0f} seconds without a sign of life",
        f"after {actor.SILENCE_S:.0f} seconds without the server",
        f"wait for {ray_engine.NO_NODE_S:.0f} seconds",
    ],
    "files-in-a-bucket": [
        f"may have {count(bucket_keys.MAX_KEY_BYTES)} bytes together with the prefix",
        f"at least {bucket_uploads.LEAST_PART >> 20} MiB, by the rule",
        f"{bucket_connection.READ_S:.0f} without an answer",
        f"({DEFAULTS['cache_bytes'] // 10**9} GB)",
        f"within some {log_copies.QUIET_S + log_copies.LOOK_AGAIN_S:.0f} seconds after its end",
    ],
    "records-in-postgresql": [
        f"PostgreSQL {postgres_migrate.OLDEST} or later",
        f"given up after {postgres_connections.CONNECT_S} seconds",
        f"without a sign of life after {postgres_connections.SILENCE_S}, and a statement",
        f"after {postgres_connections.STATEMENT_S}.",
        f"waited for {postgres_connections.PATIENCE_S:g} seconds",
    ],
    "operating": [
        *COUNTS,
        f"cannot be recorded for {refusals.UNRECORDED_S:.0f} seconds",
        f"Calls of pods in the last {MOVE} before",
        f"| {DEFAULTS['keep_executions_s'] / DAY:.0f} days after their end |",
        f"when there are more than {count(DEFAULTS['keep_executions'])};",
        f"all take more than {DEFAULTS['keep_files_bytes'] // 10**9} GB",
        f"| {DEFAULTS['keep_ledger_s'] / DAY:.0f} days after the fire time",
        f"more than {DEFAULTS['keep_versions']} of a pipeline;",
        f"{DEFAULTS['unused_environment_s'] / DAY:.0f} days after their last use",
        f"takes longer than {deletion.PODS_PATIENCE_S:.0f} seconds",
        f"takes longer than {removal.PATIENCE_S:.0f} seconds",
        f"more than {clock_trust.AWAY.days} days after the last time",
        f"held get {http.HTTP_GRACE_S} seconds to end",
        f"both settings together and {STOP - 2 * GRACES:.0f} seconds more ({STOP:.0f} seconds by",
        f"alone for {MOVE}",
        f"One of more than {RECORD}",
        f"the target of a request | {count(limits.MAX_TARGET_BYTES)} bytes |",
        f"head of a request | {HEAD} |",
        f"`Retry-After: {standby.RETRY_AFTER_S}`",
        f"less than {server_health.LOW_BYTES // 10**6} MB, or {100 // server_health.LOW_PART}% of",
        f"after {server_health.SILENT_S:.0f} seconds without |",
        f"if they wait for {server_health.SILENT_S:.0f} seconds |",
        f"have been for {control_standby.PODS_WITHIN.seconds} seconds",
        f"chunked body | {FRAMING} bytes, and {limits.FRAMING_PER_BYTE} for",
        f"`HEADRACE_REQUEST_TIMEOUT_S`: {DEFAULTS['request_timeout_s']:.0f} seconds",
        f"rate of a body | {limits.MIN_BYTES_PER_S} bytes a second",
        f"`HEADRACE_IDLE_TIMEOUT_S`: {DEFAULTS['idle_timeout_s']:.0f} seconds",
        f"held for more than {HOLD}",
        f"Rows are deleted {collector.BATCH} at a time",
        f"every {WORDS[collector.COLLECT_S / 60]} minutes, files once an hour",
    ],
    "schedules": [
        f"{WINDOW:.0f} day; at most {schedule_requests.MAX_MISSED_WINDOW_S / DAY:.0f} days",
        f"`--jitter` | 0; at most {schedule_requests.MAX_JITTER_S / 3600:.0f} hour",
        f"`--retries` | 0; at most {retries.MAX_RETRIES} |",
        f"| {BACKOFF}; at most {retries.MAX_BACKOFF_S / 3600:.0f} hour",
        f"at most {deployment_requests.MAX_TIMEOUT_S // DAY} days",
        f"noticed up to {ON_TIME} late",
        f"The last {WORDS[verification.SETTLING.total_seconds()]} seconds are left out",
        f"those up to {ON_TIME} ago",
    ],
    "templates": [
        f"An answer is waited for {CHAT['TIMEOUT_S']} seconds and may",
        f"have {CHAT['MAX_ANSWER_BYTES'] // MB} MB.",
        f"At most {count(RETRIEVAL['MAX_FILES'])} files are read, of each",
        f"the first {RETRIEVAL['MAX_FILE_BYTES'] // MB} MB, {RETRIEVAL['MAX_BYTES'] // MB} MB in",
    ],
}
"""What the guides say with figures of the code, word for word."""

ELSEWHERE: dict[str, list[str]] = {
    "data-store": ["9,961,472 bytes unless"],  # of craft-ai-sdk
    "endpoints": ["read timeout than 30 seconds"],  # of callers; checked below
    "operating": [
        "waited for 100 ms",  # the time until it is recorded, and a sync
        "let requests take 30 seconds",  # of proxies; checked below
    ],
    "schedules": ["30 and 45 minutes", "0 and 45 minutes", "every 90 minutes"],  # of expressions
}
"""Figures that are not Headrace's."""


def prose(path: Path) -> str:
    """Return a page without its blocks, and with single spaces."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_figures_are_those_of_the_code(path: Path) -> None:
    text = prose(path)
    spans: list[tuple[int, int]] = []
    for claim in [*CLAIMS.get(path.stem, []), *ELSEWHERE.get(path.stem, [])]:
        found = [match.span() for match in re.finditer(re.escape(claim), text)]
        assert found, f"{path.name} does not say: {claim}"
        spans += found
    for figure in FIGURE.finditer(text):
        near = text[max(0, figure.start() - 60) : figure.end() + 20]
        # A span holds the number; its unit may come after it.
        assert any(start <= figure.start() < end for start, end in spans), (
            f"{path.name} has a figure that no claim covers: …{near}…"
        )


def test_what_is_said_in_hours_and_days_of_the_collector() -> None:
    assert collector.FILES_S == 3600
    assert POD["look_s"] == 1
    assert POD["settled_s"] == 60


def test_the_public_client_that_is_named_is_the_one_that_is_tested() -> None:
    tested = version("craft-ai-sdk")
    for path in [*GUIDES, ROOT / "docs" / "tutorial.md"]:
        text = path.read_text("utf-8")
        named = re.findall(r"craft-ai-sdk`? ?(?:==)?(\d+\.\d+\.\d+)", text)
        assert set(named) <= {tested}, path


def test_callers_need_to_wait_for_longer_than_a_request_is_held() -> None:
    assert answers.MAX_HOLD_S < 30


def test_the_part_size_of_the_public_client_is_what_it_is() -> None:
    from craft_ai_sdk import CraftAiSdk

    found = CraftAiSdk._MULTIPART_PART_SIZE
    assert found == 9_961_472


def test_the_defaults_of_settings_are_written_as_they_are_read() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for setting in fields(Settings):
        section = page.partition(f"## {variable_of(setting.name)}\n")[2].partition("\n## ")[0]
        shown = re.search(r"^Default: `(.*?)`", section, re.MULTILINE)
        if shown is None:
            words = setting.metadata["default_in_words"]
            assert words or not setting.default, setting.name
            assert f"Default: {words or 'not set'}." in section
        elif setting.name != "data_dir":
            assert setting.metadata["read"](shown[1]) == setting.default, setting.name
