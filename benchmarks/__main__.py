"""All benchmarks, one after the other."""

from __future__ import annotations

from benchmarks import environments, objects, runs

for benchmark in (runs, environments, objects):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
