#!/bin/sh
# Builds wheel and sdist into dist/, installs the wheel into an environment of its own with what
# requirements.lock pins, and runs the demonstration from it. Nothing of the checkout is imported.
set -eu
cd "$(dirname "$0")/.."
. scripts/certificates.sh

rm -rf dist
.venv/bin/uv build --quiet --no-build-isolation --python .venv/bin/python --out-dir dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/uv venv --quiet --python .venv/bin/python "$work/venv"
.venv/bin/uv pip install --quiet --python "$work/venv/bin/python" --constraint requirements.lock "$(echo dist/*.whl)[server]"
# The sdist holds what a wheel is made from.
.venv/bin/uv build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir "$work/again" dist/*.tar.gz
cp -R scripts examples "$work"
cd "$work"
HEADRACE="$work/venv/bin/headrace" "$work/venv/bin/python" scripts/demo.py
