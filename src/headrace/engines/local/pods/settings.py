"""What an operator decides about pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.values import MAX_OUTPUT_BYTES
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.hanging import Patience


@dataclass(frozen=True, slots=True)
class PodSettings:
    """How a local engine keeps pods.

    Attributes:
        runtime_dir: Folder of this engine alone, for files that need not outlive it.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        engine_id: Marks the engine's processes; the same after a restart of the server, so that
            :func:`headrace.engines.local.belongings.kill_leftovers` finds what it left.
        stop_grace_s: Seconds that a call has to end once it was asked to, and a pod to run its
            exit callbacks.
        patience: How long a start may take, and a pod that does not answer.
        retry_s: Seconds before the second of several starts in a row; doubled for each next one.
            The first one comes at once.
        max_retry_s: What that delay grows to at most.
        settled_s: Seconds that a pod must have been up for its end not to count as one of them.
        log_bytes: What the log of one call may hold.
        output_bytes: JSON of all outputs of a call together that are no files.
        stream_stall_s: Seconds after which a reader of items who takes none is given up.
        bounds: Folders that user code may not change.
    """

    runtime_dir: Path
    harness_dir: Path
    engine_id: str
    stop_grace_s: float = 5.0
    patience: Patience = field(default_factory=Patience)
    retry_s: float = 1.0
    max_retry_s: float = 60.0
    settled_s: float = 60.0
    log_bytes: int = 256 << 20
    output_bytes: int = MAX_OUTPUT_BYTES
    stream_stall_s: float = 30.0
    bounds: Bounds = Bounds()
