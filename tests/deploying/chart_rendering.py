"""Renders a chart by Helm's own library, as a process of its own: with it comes Go's runtime.

It reads a list of values on stdin, and prints of each the manifests by template, or the refusal.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import helm_python


def rendered(chart: helm_python.Chart, values: dict[str, Any]) -> dict[str, Any]:
    """Return the manifests of one set of values, or why Helm refuses it."""
    try:
        return {"manifests": chart.render(values, name="spring", namespace="waters")}
    except helm_python.HelmError as error:
        return {"refused": str(error)}


def main() -> None:
    """Render the chart that the command line names."""
    path = sys.argv[1]
    given = json.load(sys.stdin)
    with helm_python.Chart.load(path) as chart:
        found = [rendered(chart, values) for values in given]
    lint = helm_python.lint(path, given[0], strict=True)
    json.dump({"rendered": found, "lint": lint, "helm": helm_python.helm_sdk_version()}, sys.stdout)


if __name__ == "__main__":
    main()
