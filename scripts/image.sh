#!/bin/sh
# Builds the wheel of this checkout into dist/ and the image localhost/headrace of it, by podman or docker.
# TAG names the image's tag (by default the version), BASE another image to begin with. It needs a base with
# Debian's apt and Python 3.11 or later, and a package registry. Further arguments go to `podman build`.
set -eu
cd "$(dirname "$0")/.."

tool="${CONTAINER_ENGINE:-}"
[ -n "$tool" ] || tool=$(command -v podman || command -v docker) || {
    echo "Building an image needs podman or docker." >&2
    exit 1
}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/headrace/version.py)
rm -f dist/headrace-*.whl
.venv/bin/uv build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir dist
# Of the two formats only Docker's has a place for the health check.
case "$tool" in *podman) set -- --format docker "$@" ;; esac
"$tool" build --file Containerfile ${BASE:+--build-arg "BASE=$BASE"} \
    --tag "localhost/headrace:${TAG:-$version}" --tag localhost/headrace:latest "$@" .
