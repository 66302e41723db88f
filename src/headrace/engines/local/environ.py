"""The environment variables of a template: a clean few of the server's, and the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ENGINE_MARK = "HEADRACE_ENGINE"
TEMPLATE_MARK = "HEADRACE_TEMPLATE"

_KEPT = {
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "TMPDIR",
    "TZ",
    "USER",
}
_KEPT_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "SSL_CERT_")


def template_environ(
    python: Path,
    variables: Mapping[str, str],
    identity: Mapping[str, str],
    *,
    engine_id: str,
    template_id: str,
) -> dict[str, str]:
    """Return all variables of the process of a template or a pod.

    ``identity`` is what the process is known by to the server.
    The marks let a later server find what this one left behind. Programs that the pipeline's
    environment installed are found before those of the system.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    kept["PATH"] = os.pathsep.join([str(python.parent), kept.get("PATH", os.defpath)])
    return {**kept, **variables, **identity, ENGINE_MARK: engine_id, TEMPLATE_MARK: template_id}
