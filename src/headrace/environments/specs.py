"""What is installed for a pipeline's code, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.core.calls import Code
from headrace.core.environments import EnvironmentSpec, python_version
from headrace.environments.project_files import kind_of, read_project_file
from headrace.environments.requirements import names_local_files
from headrace.environments.requirements_files import Requirements, read_requirements


def environment_spec(
    code: Code, folder: Path, variables: Mapping[str, str]
) -> tuple[EnvironmentSpec, tuple[str, ...]]:
    """Return the spec of the environment of code, and the secret texts that went into it.

    It reads files and may fetch some, so it belongs in a thread.

    Args:
        code: Names its list of requirements; its digest of an environment is not looked at.
        folder: The pipeline's folder.
        variables: What the requirements may refer to.

    Raises:
        InvalidEnvironment: The requirements cannot be read, or use a variable that is not set.
    """
    path, python = code.requirements_path, python_version(code.language)
    if path is not None and kind_of(path) is not None:
        given = read_project_file(folder, path, python)
        digest = code.bundle if given.needs_folder else None
        return EnvironmentSpec(python, "", digest, file=given.file), ()
    found = Requirements("", "", ()) if path is None else read_requirements(folder, path, variables)
    needs_folder = names_local_files(f"{found.text}\n{found.constraints}")
    spec = EnvironmentSpec(
        python=python,
        requirements=found.text,
        folder_digest=code.bundle if needs_folder else None,
        constraints=found.constraints,
    )
    return spec, found.secrets
