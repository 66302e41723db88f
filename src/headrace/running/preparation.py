"""What a pipeline needs: the spec of its environment, and its code as engines are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.core.calls import Code
from headrace.core.environments import Environment, EnvironmentSpec, python_version
from headrace.core.pipelines import Pipeline
from headrace.environments.requirements import names_local_files
from headrace.environments.requirements_files import Requirements, read_requirements


def environment_spec(
    pipeline: Pipeline, folder: Path, variables: Mapping[str, str]
) -> tuple[EnvironmentSpec, tuple[str, ...]]:
    """Return the spec of a pipeline's environment, and the secret texts that went into it.

    It reads files and may fetch some, so it belongs in a thread.

    Raises:
        InvalidEnvironment: The requirements cannot be read, or use a variable that is not set.
    """
    path = pipeline.version.config.requirements_path
    found = Requirements("", "", ()) if path is None else read_requirements(folder, path, variables)
    needs_folder = names_local_files(f"{found.text}\n{found.constraints}")
    spec = EnvironmentSpec(
        python=python_version(pipeline.version.config.language),
        requirements=found.text,
        folder_digest=pipeline.version.bundle if needs_folder else None,
        constraints=found.constraints,
    )
    return spec, found.secrets


def code_of(pipeline: Pipeline, environment: Environment, folder: Path) -> Code:
    """Return the code of a pipeline; the same for its creation and for each of its calls."""
    return Code(
        python=environment.python,
        environment=environment.digest,
        folder=folder,
        bundle=pipeline.version.bundle,
        function_path=pipeline.version.function_path,
        function_name=pipeline.version.function_name,
        owner=pipeline.created_by,
    )
