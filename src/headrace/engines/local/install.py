"""Puts the harness where any interpreter can find it, without the rest of Headrace."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import headrace_harness


def install_harness(target_root: Path) -> Path:
    """Copy the harness into a folder of its own, once for each content, and return that folder.

    Safe to call from several processes at once. The folder holds the package
    ``headrace_harness`` alone, so that a user's environment may have another Headrace.

    Raises:
        OSError: The folder cannot be written.
    """
    source = Path(headrace_harness.__file__).parent
    modules = sorted(source.glob("*.py"))
    digest = hashlib.sha256()
    for module in modules:
        content = module.read_bytes()
        digest.update(f"{module.name} {len(content)}\n".encode() + content)
    target = target_root / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    target_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target_root) as made:
        whole = Path(made) / "whole"
        package = whole / headrace_harness.__name__
        package.mkdir(parents=True)
        for module in modules:
            shutil.copyfile(module, package / module.name)
        try:
            whole.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise
    return target
