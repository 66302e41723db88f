"""Pages of Headrace beside those of Prefect and MLflow that do the same job, in one browser.

``python -m proof.benchmarks.console_peers [runs=N] [rounds=N]``. All three run on this machine, and
each has as many runs, written through its own API. The job: open the list of runs, newest first,
and open one run. Each page is opened in turn with an empty cache, and again in the same window. The
first contentful paint is the browser's own; a list is there when it shows ten runs, a run when its
name is shown. Prefect and MLflow are installed below ``.cache`` at the first time.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from playwright.sync_api import Browser
from proof.benchmarks.console_opening import Opening, opened
from proof.benchmarks.console_paint import browser
from proof.benchmarks.console_products import LIST, RUN, Product, headrace, mlflow, prefect
from proof.benchmarks.serving.peers import NotInstalled
from tests.browsing import SIZE

OPTIONS = {"runs": 3000, "rounds": 7}
PRODUCTS: Sequence[Callable[[int], AbstractContextManager[Product]]] = (headrace, prefect, mlflow)
FIRST, AGAIN = "empty cache", "again"


def open_both(started: Browser, product: Product, job: str) -> dict[str, Opening]:
    """Open a page of a product with an empty cache, and again."""
    window = started.new_context(
        extra_http_headers=dict(product.headers),
        locale="en-US",
        viewport=SIZE,  # type: ignore[arg-type]  # a dictionary of that shape
    )
    found = {when: opened(window, product.pages[job]) for when in (FIRST, AGAIN)}
    window.close()
    return found


def compare(products: Sequence[Product], rounds: int) -> None:
    """Print what each page takes, the median of some rounds, and its ratio to Headrace's."""
    print("| page | product | first paint | there | ratio | bytes | requests | rows |")
    print("|---|---|---|---|---|---|---|---|")
    with browser() as started:
        for job in (LIST, RUN):
            found: dict[str, list[dict[str, Opening]]] = {one.name: [] for one in products}
            for _ in range(rounds):
                for one in products:
                    found[one.name].append(open_both(started, one, job))
            for when in (FIRST, AGAIN):
                _tell(
                    f"{job}, {when}",
                    {name: [r[when] for r in all_] for name, all_ in found.items()},
                )


def _tell(page: str, found: dict[str, list[Opening]]) -> None:
    own = 0.0
    for name, openings in found.items():
        painted = statistics.median(one.painted_ms for one in openings)
        there = statistics.median(one.there_ms for one in openings)
        own = own or there
        size = statistics.median(one.size for one in openings)
        last = openings[-1]
        print(
            f"| {page} | {name} | {painted:.0f} ms | {there:.0f} ms | {there / own:.2f} "
            f"| {size:,.0f} | {last.requests} | {last.rows or ''} |",
            flush=True,
        )


def main(arguments: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    given = {**OPTIONS, **{key: int(value) for key, value in (one.split("=") for one in arguments)}}
    with ExitStack() as stack:
        products = []
        for run in PRODUCTS:
            try:
                product = stack.enter_context(run(given["runs"]))
            except NotInstalled as error:
                print(f"{run.__name__} is left out: {error}")
                continue
            print(f"{product.name}: {given['runs']:,} runs written in {product.filled_s:.0f} s")
            products.append(product)
        compare(products, given["rounds"])


if __name__ == "__main__":
    main(sys.argv[1:])
