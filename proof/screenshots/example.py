"""A server with something to see: a shop that forecasts its demand and sums its sales at night."""

from __future__ import annotations

import io
import math
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headrace import HeadraceError, HeadraceSdk, InputSource, OutputDestination

CODE = Path(__file__).parent / "demand"
FORECAST, REPORT, CLEANER = "forecast", "nightly-report", "clean-sales"
_CALLS = 14
_DAYS = 28
_EPOCHS = 60
SETTLES_S = 75
"""The shop goes on so long: its machine is looked at several times, and its calls are counted."""

_PAUSE_S = 1.5


def fill(sdk: HeadraceSdk, scratch: Path) -> dict[str, str]:
    """Fill a server, and return the ids of the executions that are looked at."""
    folder = scratch / "demand"
    shutil.copytree(CODE, folder)
    # The same numbers each time.
    chosen = random.Random(7)
    _deploy_forecast(sdk, folder)
    _deploy_report(sdk, folder, chosen)
    sdk.create_pipeline(CLEANER, pipeline_template_name="csv-cleaner")
    sdk.create_or_update_environment_variable("WAREHOUSE", "north")
    sdk.create_or_update_environment_variable("PRICE_LIST_KEY", "k-2f7c")
    report = sdk.trigger_endpoint(REPORT)["execution_id"]
    good = [
        _forecast(sdk, chosen, smoothing=round(0.1 + 0.2 * (call % 4), 1)) for call in range(_CALLS)
    ]
    for number, one in enumerate(good[-3:]):
        _record_metrics(sdk, one, chosen, speed=10 + 8 * number)
    with suppress(HeadraceError):
        sdk.trigger_endpoint(FORECAST, inputs={"history": _history(chosen, 9)})
    failed = sdk.list_pipeline_executions(FORECAST)[0]["execution_id"]
    end = time.monotonic() + SETTLES_S
    while time.monotonic() < end:
        _forecast(sdk, chosen)
        time.sleep(_PAUSE_S)
    names = dict(zip(("first", "second", "good"), good[-3:], strict=True))
    return names | {"failed": failed, "report": report}


def _forecast(sdk: HeadraceSdk, chosen: random.Random, **more: float) -> str:
    inputs = {"history": _history(chosen, _DAYS), **more}
    execution_id: str = sdk.trigger_endpoint(FORECAST, inputs=inputs)["execution_id"]
    return execution_id


def _deploy_forecast(sdk: HeadraceSdk, folder: Path) -> None:
    file = folder / "forecast.py"
    final = file.read_text("utf-8")
    season = "    season = [value / level for value in history[-WEEK:]]\n"
    first = final.replace(season, "").replace(
        "level * season[day % WEEK], 1) for day", "level, 1) for _"
    )
    for text, message in ((first, "a mean and a trend"), (final, "knows the days of the week")):
        file.write_text(text, "utf-8")
        sdk.deploy(
            "forecast.py:predict", name=FORECAST, folder=folder, endpoint=FORECAST, message=message
        )


def _deploy_report(sdk: HeadraceSdk, folder: Path, chosen: random.Random) -> None:
    lines = ["product,units,price"]
    for _ in range(400):
        product = chosen.choice(("kettle", "teapot", "cup", "saucer", "tray", "strainer"))
        lines.append(f"{product},{chosen.randint(1, 12)},{chosen.randint(4, 60)}.90")
    for name in ("sales/today.csv", "sales/2026-11-26.csv", "sales/2026-11-27.csv"):
        sdk.upload_data_store_object(io.BytesIO("\n".join(lines).encode()), name)
    sdk.deploy(
        "report.py:report",
        name=REPORT,
        folder=folder,
        every="30 3 * * 1-5",
        timezone="Europe/Berlin",
        inputs_mapping=[
            InputSource("sales", datastore_path="sales/today.csv"),
            InputSource("currency", constant_value="EUR"),
        ],
        outputs_mapping=[
            OutputDestination("table", datastore_path="reports/{execution_id}.csv"),
            OutputDestination("products", is_null=True),
        ],
    )


def _history(chosen: random.Random, days: int) -> list[float]:
    week = (1.0, 0.9, 0.95, 1.1, 1.4, 1.7, 0.6)
    return [round(200 * week[day % 7] + day + chosen.uniform(-12, 12), 1) for day in range(days)]


def _record_metrics(
    sdk: HeadraceSdk, execution_id: str, chosen: random.Random, *, speed: int
) -> None:
    losses = [2.1 * math.exp(-epoch / speed) + chosen.uniform(0, 0.08) for epoch in range(_EPOCHS)]
    with _as_execution(execution_id):
        sdk.record_metric_value("loss/last", round(losses[-1], 4))
        sdk.record_list_metric_values("loss", [round(loss, 4) for loss in losses])


@contextmanager
def _as_execution(execution_id: str) -> Iterator[None]:
    os.environ["HEADRACE_EXECUTION_ID"] = execution_id
    try:
        yield
    finally:
        del os.environ["HEADRACE_EXECUTION_ID"]
