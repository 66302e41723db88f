"""The comparison, with options: see ``--help``."""

from __future__ import annotations

import sys

from benchmarks.serving import speed

speed.main(sys.argv[1:])
