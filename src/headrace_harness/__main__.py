"""Starts a template or a pod: ``python <this file> <descriptor of the socket> <engine's id>``."""

import os
import sys


def _start() -> None:
    if sys.version_info < (3, 9):
        sys.exit("Python 3.9 or later is needed, but this is Python " + sys.version.split()[0])
    loaded = frozenset(sys.modules)
    own_folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == own_folder:
        del sys.path[0]
    # Only for the import of the harness: user code finds its own packages and no others.
    sys.path.insert(0, os.path.dirname(own_folder))
    from headrace_harness.shadows import note_start
    from headrace_harness.start import main

    note_start(loaded)
    del sys.path[0]
    main(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    _start()
