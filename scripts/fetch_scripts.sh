#!/bin/sh
# Brings the scripts of others that the console is served with into src/headrace/console/vendor, which
# the repository ignores and the wheel holds. They come from the npm registry, by package-lock.json.
set -eu
cd "$(dirname "$0")/.."
. scripts/certificates.sh

vendor=src/headrace/console/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json .npmrc "$work"
(export PATH="$PWD/.venv/bin:$PATH"; cd "$work" && npm ci --silent --omit=dev --ignore-scripts)
rm -rf "$vendor"
mkdir -p "$vendor"
cp "$work/node_modules/htmx.org/dist/htmx.min.js" "$vendor/htmx.js"
cp "$work/node_modules/htmx.org/LICENSE" "$vendor/htmx.LICENSE"
cp "$work/node_modules/uplot/dist/uPlot.iife.min.js" "$vendor/uplot.js"
cp "$work/node_modules/uplot/dist/uPlot.min.css" "$vendor/uplot.css"
cp "$work/node_modules/uplot/LICENSE" "$vendor/uplot.LICENSE"
