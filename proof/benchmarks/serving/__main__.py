"""The comparison, with options: see ``--help``."""

from __future__ import annotations

import sys

from proof.benchmarks.serving import speed

speed.main(sys.argv[1:])
