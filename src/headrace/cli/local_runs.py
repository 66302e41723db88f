"""``headrace run --local``: one run of a function, on a server that ends with the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from headrace.cli.deploy_jobs import Job
from headrace.cli.local_deploys import LocalDeploy, found_job
from headrace.cli.own_servers import apply_variables, connected, place_named
from headrace.cli.running import Run, carry_out
from headrace.cli.session import Session
from headrace.core.errors import PipelineCreationFailed, PipelineExecutionFailed


def run_locally(current: Session, wanted: Run, folder: Path, variables: Mapping[str, str]) -> None:
    """Deploy a function to the server of its folder, run it, and print its outputs.

    Args:
        current: The session.
        wanted: The run; its name is ``path/to/file.py:function``, or one of ``headrace.toml``.
        folder: The folder of the code.
        variables: Environment variables of the run.

    Raises:
        WrongUsage: There is no such file.
        PipelineCreationFailed: The function cannot be deployed.
        PipelineExecutionFailed: The run failed.
    """
    job = Job(found_job(wanted.name, place_named(folder).folder).order)
    with connected(current, folder):
        apply_variables(current, variables)
        deploy = LocalDeploy(current, is_development=False)
        try:
            with current.screen.activity(f"Deploying {wanted.name}"):
                deployed = deploy(job)
        except PipelineCreationFailed:
            deploy.say_traceback()
            raise
        try:
            carry_out(current, replace(wanted, name=deployed.name))
        except PipelineExecutionFailed as error:
            # Nobody can ask its server for it any more.
            error.details.pop("execution_id", None)
            raise
