"""All benchmarks, one after the other."""

from __future__ import annotations

from proof.benchmarks import (
    cluster,
    console,
    console_peers,
    deploying,
    environments,
    objects,
    pods,
    rolling,
    runs,
    startup,
)
from proof.benchmarks.serving import speed

for benchmark in (
    startup,
    runs,
    cluster,
    pods,
    environments,
    objects,
    deploying,
    rolling,
    console,
    console_peers,
    speed,
):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
