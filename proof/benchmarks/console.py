"""Pages of the console with 1,000,000 executions and 1,000 deployments, beside few of each.

``python -m proof.benchmarks.console [executions=N] [deployments=N] [rounds=N] [paints=N]``. Three
servers run, and are asked in turn on connections that are kept; a page's time is that until its
last byte is here. With 100 executions many a page is nearly empty: a list of failed ones has two
rows and not a hundred. So the third server has as little as fills each page with as many rows as
the million do, and its ratio says what the size of the database costs. Then all that a browser
loads for each page is counted, as it comes over the wire, and a real browser with an empty cache
says when it first showed something of a page.
"""

from __future__ import annotations

import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from proof.benchmarks.console_paint import compare_paints
from proof.benchmarks.console_stock import ALIKE, Stock, fill
from proof.benchmarks.running import Running, restarted, running_server

from headrace import HeadraceSdk

SOURCE = """\
def work(n=1):
    return None
"""
FEW = Stock(100, 100)
MANY = {"executions": 1_000_000, "deployments": 1000, "rounds": 30, "paints": 7}
COUNTED_S = 600
KEEP = {
    "HEADRACE_KEEP_EXECUTIONS": "5000000",
    "HEADRACE_KEEP_FILES_BYTES": "100000000000",
    "HEADRACE_LOG_LEVEL": "warning",
}
PAGES = (
    "/",
    "/?range=31d&since=31d",
    "/pipelines",
    "/pipelines?text=0007",
    "/pipelines/pipeline-00007",
    "/pipelines/pipeline-00007/versions",
    "/pipelines/pipeline-00007/run",
    "/deployments",
    "/deployments?text=0007",
    "/deployments/deployment-00007",
    "/deployments/deployment-00007?range=31d",
    "/deployments/deployment-00006/fire-times",
    "/executions",
    "/executions?status=Failed",
    "/executions?status=Error",
    "/executions?deployment_name=deployment-00007",
    "/executions?pipeline_name=pipeline-00007&status=Failed",
    "/executions?pipeline_name=pipeline-00007&version=1",
    "/executions?execution_rule=endpoint",
    "/executions?text=plan-3",
    "/executions/replay?status=Failed",
    "/executions/{execution}",
    "/search?text=0007",
    "/monitoring",
    "/monitoring/metrics",
    "/data-store",
    "/variables",
    "/settings",
    "/settings/tokens",
    "/settings/users",
    "/settings/server",
)

PAINTED_PAGES = (
    "/",
    "/pipelines",
    "/pipelines/pipeline-00007",
    "/deployments",
    "/deployments/deployment-00007",
    "/executions",
    "/executions?status=Failed",
    "/executions/{execution}",
    "/monitoring",
    "/settings/server",
)
"""Those that are opened in a browser as well."""


@contextmanager
def stocked(stock: Stock, folder: Path) -> Iterator[tuple[Running, float]]:
    """Yield a server with so many of each, and the seconds that filling it took."""
    (folder / "main.py").write_text(SOURCE)
    with running_server(**KEEP) as server:
        with HeadraceSdk(server.token, server.url, verbose_log=False) as sdk:
            sdk.create_pipeline(
                "work", "main.py", "work", container_config={"local_folder": str(folder)}
            )
            sdk.create_deployment("work", "endpoint", "endpoint")
            sdk.create_deployment("work", "periodic", "periodic", schedule="0 0 29 2 *")
            sdk.run_pipeline("work")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        took_s = fill(server.data_dir, stock)
        with restarted(server, **KEEP) as again:
            yield again, took_s


class Reader:
    """Asks one server for pages."""

    def __init__(self, server: Running) -> None:
        asked = httpx.post(
            f"{server.url}/api/v1/auth/refresh",
            json={"refresh_token": server.token},
            trust_env=False,
        )
        headers = {
            "authorization": f"Bearer {asked.json()['access_token']}",
            "accept": "text/html",
            "accept-encoding": "gzip, br",
        }
        self.http = httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=120)
        listed = self.http.get("/api/v1/executions?limit=2", headers={"accept": "*/*"})
        self.execution = re.findall(r'"execution_id": ?"([^"]+)"', listed.text)[-1]

    def url(self, path: str) -> str:
        """Return the whole URL of a page."""
        return str(self.http.base_url).rstrip("/") + path.format(execution=self.execution)

    def ask(self, path: str) -> tuple[float, int]:
        """Return milliseconds until the last byte of a page, and its bytes over the wire."""
        began = time.perf_counter()
        with self.http.stream("GET", path.format(execution=self.execution)) as answer:
            size = sum(len(piece) for piece in answer.iter_raw())
        took_ms = (time.perf_counter() - began) * 1000
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return took_ms, size

    def whole(self, path: str) -> int:
        """Return the bytes of a page with its styles and scripts, and those that these import."""
        _, size = self.ask(path)
        text = self.http.get(path.format(execution=self.execution)).text
        waiting = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', text))
        seen: set[str] = set()
        while waiting:
            asset = waiting.pop()
            seen.add(asset)
            size += self.ask(asset)[1]
            if asset.endswith(".js"):
                code = self.http.get(asset).text
                beside = {
                    f"{asset.rpartition('/')[0]}/{name}"
                    for name in re.findall(r'(?:from|import) ?"\./([\w.-]+)"', code)
                }
                waiting |= beside - seen
        return size

    def wait_until_counted(self, executions: int) -> float:
        """Return the seconds until the loop has counted the executions."""
        began = time.perf_counter()
        while time.perf_counter() < began + COUNTED_S:
            found = self.http.get("/api/v1/activity/calls?range=31d", headers={"accept": "*/*"})
            if sum(period["calls"] for period in found.json()["periods"]) >= executions:
                return time.perf_counter() - began
            time.sleep(0.5)
        raise SystemExit("The executions were not counted in time.")


def compare(readers: Sequence[Reader], rounds: int) -> None:
    """Print the time of each page with few, with as many rows, and with many."""
    print("| page | 100 | as many rows | many, median | 95th percentile | ratio to 100 | ratio |")
    print("|---|---|---|---|---|---|---|")
    for page in PAGES:
        times: dict[Reader, list[float]] = {reader: [] for reader in readers}
        for reader in readers:
            reader.ask(page)
        for _ in range(rounds):
            for reader, found in times.items():
                found.append(reader.ask(page)[0])
        few, alike, many = map(statistics.median, times.values())
        late = statistics.quantiles(times[readers[-1]], n=20)[-1]
        print(
            f"| `{page}` | {few:.1f} ms | {alike:.1f} ms | {many:.1f} ms | {late:.1f} ms "
            f"| {many / few:.2f} | {many / alike:.2f} |",
            flush=True,
        )


def weigh(readers: Sequence[Reader]) -> None:
    """Print the bytes of each page, and those of the last server with all that a page loads."""
    print("| page | 100 | as many rows | many | in all |")
    print("|---|---|---|---|---|")
    for page in PAGES:
        sizes = [f"{reader.ask(page)[1]:,}" for reader in readers]
        print(f"| `{page}` | {' | '.join(sizes)} | {readers[-1].whole(page):,} |", flush=True)


def main(arguments: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    given = {**MANY, **{key: int(value) for key, value in (one.split("=") for one in arguments)}}
    with ExitStack() as stack:
        readers = []
        for stock in (FEW, ALIKE, Stock(given["executions"], given["deployments"])):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server, took_s = stack.enter_context(stocked(stock, folder))
            reader = Reader(server)
            counted_s = reader.wait_until_counted(stock.executions)
            print(
                f"{stock.executions:,} executions: made in {took_s:.0f} s, "
                f"counted in {counted_s:.0f} s"
            )
            readers.append(reader)
        compare(readers, given["rounds"])
        weigh(readers)
        pages = [(page, [reader.url(page) for reader in readers]) for page in PAINTED_PAGES]
        sent = [{"authorization": reader.http.headers["authorization"]} for reader in readers]
        compare_paints(pages, sent, given["paints"])


if __name__ == "__main__":
    main(sys.argv[1:])
