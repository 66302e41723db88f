"""Deploys a function to a server of its own folder, which nobody else's calls depend on."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from headrace.cli.deploy_jobs import Job, compared
from headrace.cli.deploy_shown import say_what_was_understood
from headrace.cli.manifest import FILE_NAME, Manifest, read_manifest
from headrace.cli.session import Session
from headrace.cli.usage import usage, wrong
from headrace.client.deploying.deployed import Deployed
from headrace.client.deploying.deployer import Comparison, carry_out
from headrace.client.deploying.plans import Order
from headrace.client.deploying.targets import FUNCTION_SYNTAX, function_from_text
from headrace.core.errors import InvalidCode, NotFound
from headrace.core.pipelines import FAILS_UNTIL_MENDED, WARNING

TRACEBACK = "Traceback (most recent call last):"
LONG_BUILD_S = 1.0
"""The log of a build that takes longer is shown as it is written."""


def found_job(target: str | None, folder: Path) -> Job:
    """Return what is to be deployed of a folder, with what its ``headrace.toml`` says of it.

    The pipeline's name counts as chosen: a function of the same name in another file takes its
    place.

    Args:
        target: ``path/to/file.py:function``, or a pipeline of the file; None for the only one.
        folder: The folder of the code.

    Raises:
        WrongUsage: There is no such file or pipeline, or ``headrace.toml`` cannot be used.
    """
    file = folder / FILE_NAME
    manifest = read_manifest(file) if file.is_file() else None
    if target is not None and (":" in target or manifest is None):
        job = _job_of_function(target, folder, manifest)
    elif manifest is not None and (target is not None or len(manifest.jobs) == 1):
        job = manifest.job(target or next(iter(manifest.jobs)))
    else:
        raise wrong("FUNCTION", f"it is missing: {FUNCTION_SYNTAX}, or a pipeline of {FILE_NAME}.")
    _check_file(job.order)
    return job


def _job_of_function(target: str, folder: Path, manifest: Manifest | None) -> Job:
    for job in manifest.jobs.values() if manifest else ():
        if job.order.function == target:
            return job
    with usage("FUNCTION"):
        _, name = function_from_text(target)
    return Job(Order(target, name=name, folder=folder))


def _check_file(order: Order) -> None:
    folder = order.folder or Path()
    with usage("FUNCTION"):
        path, _ = function_from_text(str(order.function))
    if not (folder / path).is_file():
        raise wrong("FUNCTION", f"{path!r} is not in {str(folder)!r}.")


def without_endpoint(current: Session, name: str) -> str | None:
    """Delete an endpoint, whose mode and mapping may be others now; return its token."""
    with suppress(NotFound):
        found = current.sdk.get_deployment(name)
        current.sdk.delete_deployment(name)
        return str(found["endpoint_token"])
    return None


class LocalDeploy:
    """Deploys to the server of a folder, again and again.

    Args:
        current: A session that is connected to the server of the folder.
        is_development: Whether what was understood is shown the first time, and code that cannot
            be imported leaves the version before in its place.
    """

    def __init__(self, current: Session, *, is_development: bool) -> None:
        self._current = current
        self._is_development = is_development
        self._is_shown = is_development
        self._traceback: list[str] = []
        self._fault = ""

    def __call__(self, job: Job) -> Deployed:
        """Deploy a function as its files are now.

        Raises:
            HeadraceError: It cannot be deployed; the version before goes on.
        """
        self._traceback.clear()
        self._fault = ""
        with TemporaryDirectory(prefix="headrace-") as drafts:
            comparison = compared(self._current, job, Path(drafts))
            deployed = carry_out(
                self._current.sdk, comparison, self, message=None, force=True, waits=True
            )
        before = comparison.changes.number
        if self._fault and self._is_development and before is not None:
            # On a server a variable or a file could mend it; here the code has just been changed.
            self._current.sdk.rollback_pipeline(deployed.name, before, force=True)
            raise InvalidCode(self._fault)
        return deployed

    def say_traceback(self) -> None:
        """Print the traceback of the import that failed the last time, if one did."""
        for line in self._traceback:
            self._current.screen.note(line)

    def understood(self, comparison: Comparison) -> None:
        """Show what the code says, the first time."""
        if self._is_shown and not comparison.is_nothing:
            say_what_was_understood(self._current.screen, comparison)
        self._is_shown = False

    def building(self, name: str, number: int) -> None:
        """Show the log of a build that takes long; keep the traceback of one that fails."""
        began = time.monotonic()
        held: list[str] = []
        for line in self._current.sdk.iter_version_logs(name, number):
            text = line["message"]
            if text == TRACEBACK or self._traceback:
                self._add(text)
                continue
            held.append(text)
            if time.monotonic() - began > LONG_BUILD_S:
                for one in held:
                    self._current.screen.note(one)
                held = []

    def _add(self, text: str) -> None:
        """Keep a line of a traceback; the reason that comes after it is said with the error."""
        if text.endswith(FAILS_UNTIL_MENDED):
            self._fault = text.removeprefix(WARNING).removesuffix(FAILS_UNTIL_MENDED).rstrip()
        elif not self._fault and (text == TRACEBACK or text.startswith(" ")):
            self._traceback.append(text)

    def deploying(self, name: str) -> None:
        """Say nothing: it takes no time worth a line."""
