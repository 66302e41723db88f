"""What becomes of a pipeline whose code cannot be imported when it is created.

Some errors no variable, file or server can mend: then the creation fails. Others may be gone when
the first call comes, such as a variable that is not set yet or a model that is not uploaded yet.
"""

from __future__ import annotations

import re

from headrace.core.calls import Code
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import FAILS_UNTIL_MENDED

_FINAL = re.compile(
    r"(ImportError|ModuleNotFoundError|SyntaxError|IndentationError|TabError|NameError|"
    r"ZipImportError)\b|AttributeError: (partially initialized )?module '|The type hints of "
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[^'.]+)")


def is_final(failure: Failure) -> bool:
    """Return whether only other code or other requirements can mend it."""
    return failure.kind is FailureKind.ENVIRONMENT or bool(_FINAL.match(failure.message))


def import_problem(code: Code, failure: Failure) -> str:
    """Return the warning about code that cannot be imported."""
    if code.dockerfile_path is not None:
        return failure.message
    problem = f"{code.function_path} cannot be imported: {failure.message}"
    if not problem.endswith((".", "!", "?")):
        problem += "."
    if not is_final(failure):
        if failure.kind is FailureKind.TIMEOUT:
            return failure.message
        return f"{problem} {FAILS_UNTIL_MENDED}"
    missing = _MODULE.match(failure.message)
    if missing is None:
        return problem
    name = missing["name"]
    return (
        f"{problem} If {name} is a package, name it in the requirements file; if it is a file of "
        "yours, check that it is in the folder and in included_folders."
    )


def still_importing(code: Code, waited_s: float) -> Failure:
    """Return the warning about an import that takes long."""
    what = code.function_path or f"The image of {code.dockerfile_path}"
    return Failure(
        FailureKind.TIMEOUT,
        f"{what} is still being imported after {waited_s:g} s. That goes on; the "
        "first run waits for it.",
    )
