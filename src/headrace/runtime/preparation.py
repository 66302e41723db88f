"""What a pipeline needs installed: from its folder and the variables to the spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.core.environments import EnvironmentSpec, python_version
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
    path = pipeline.config.requirements_path
    found = Requirements("", "", ()) if path is None else read_requirements(folder, path, variables)
    needs_folder = names_local_files(f"{found.text}\n{found.constraints}")
    spec = EnvironmentSpec(
        python=python_version(pipeline.config.language),
        requirements=found.text,
        folder_digest=pipeline.bundle if needs_folder else None,
        constraints=found.constraints,
    )
    return spec, found.secrets
