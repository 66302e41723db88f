"""What a pipeline needs installed: from its folder and the variables to the spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.core.environments import (
    EnvironmentSpec,
    placeholders,
    python_version,
    substitute,
)
from headrace.core.errors import InvalidEnvironment
from headrace.core.pipelines import Pipeline
from headrace.environments.requirements import names_local_files


def environment_spec(
    pipeline: Pipeline, folder: Path, variables: Mapping[str, str]
) -> tuple[EnvironmentSpec, list[str]]:
    """Return the spec of a pipeline's environment, and the secret texts that went into it.

    Raises:
        InvalidEnvironment: The requirements cannot be read, or use a variable that is not set.
    """
    path = pipeline.config.requirements_path
    text = "" if path is None else _read(folder / path, path)
    requirements = substitute(text, variables)
    spec = EnvironmentSpec(
        python=python_version(pipeline.config.language),
        requirements=requirements,
        folder_digest=pipeline.bundle if names_local_files(requirements) else None,
    )
    return spec, [variables[name] for name in placeholders(text)]


def _read(file: Path, path: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidEnvironment(
            f"requirements_path {path!r} is not in the pipeline's folder."
        ) from None
    except UnicodeDecodeError:
        raise InvalidEnvironment(f"The requirements file {path!r} is not UTF-8 text.") from None
