#!/bin/sh
# Runs every test: scripts/run_tests.sh [PYTEST OPTIONS]
set -eu
cd "$(dirname "$0")/.."

# Tests of full disks mount small ones. Root may; an ordinary user may in a namespace of their own,
# where they stay who they are and get that one right. Where there is none, these tests are skipped.
inside=""
if [ "$(id -u)" -ne 0 ]; then
    only="-all,+sys_admin"
    enter="unshare --user --map-current-user --keep-caps --mount \
        setpriv --inh-caps $only --ambient-caps $only --bounding-set $only"
    if $enter true 2>/dev/null; then
        inside=$enter
    fi
fi
# One more at once than there are cores on a small machine: half of the time tests wait.
# What the tests install themselves comes through the same proxy as what the setup installs.
export UV_SYSTEM_CERTS=1
$inside .venv/bin/python -m pytest -n 3 --dist worksteal "$@"
# What speaks to the records, once more where they are in PostgreSQL.
if [ $# -eq 0 ]; then
    TESTS_DATABASE=postgresql exec $inside .venv/bin/python -m pytest -n 3 --dist worksteal \
        -m "not once" tests/control tests/running tests/keeping tests/api tests/contract
fi
