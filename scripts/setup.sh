#!/bin/sh
# Makes .venv in the checkout with everything that the lock file names, and nothing outside it.
# Needs Python 3.11 or later and a package registry. Safe to repeat; does nothing when up to date.
set -eu
cd "$(dirname "$0")/.."
. scripts/certificates.sh

stamp=.venv/.headrace-setup
want=$(cat requirements.lock pyproject.toml package-lock.json scripts/setup.sh scripts/fetch_scripts.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

python=""
for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
if [ -z "$python" ]; then
    echo "Headrace needs Python 3.11 or later: install it (on Debian: apt install python3) or set PYTHON." >&2
    exit 1
fi

# Debian splits venv, pip and ensurepip into packages of their own, so each way is tried in turn.
echo "Setting up .venv with $("$python" --version) ..."
if ! [ -x .venv/bin/python ]; then
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; "$python" -m venv --without-pip .venv; }
fi
if ! [ -x .venv/bin/uv ]; then
    uv_version=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check "uv==$uv_version"
    elif command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python .venv/bin/python "uv==$uv_version"
    else
        echo "This Python has no pip to begin with: install one (on Debian: apt install python3-venv)." >&2
        exit 1
    fi
fi
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
scripts/fetch_scripts.sh
printf '%s' "$want" >"$stamp"
