"""The terms of a form: decided before its body is read, so that nothing else is ever kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from headrace.core.errors import InvalidRequest
from headrace.core.mappings import MappedInput, check_given, map_inputs, takes_values
from headrace.core.pipelines import Pipeline
from headrace.core.sources import GivenValue, Rule
from headrace.core.values import DataType, FileValue
from headrace.wire.forms import short
from headrace.wire.runs import check_run_field

MAX_TEXT_BYTES = 1_000_000
"""Names and values of all fields of a form together."""

MAX_FIELDS = 10_000
MAX_NAME_BYTES = 1000
MAX_PART_HEADERS = 16
MAX_PART_HEADER_BYTES = 8 * 1024

MAX_FRAME_BYTES = 4_000_000
"""Most bytes that are neither text nor file, of all parts together: boundaries and headers."""


FOLDER_FRAME_BYTES = 500
"""So much more for each file of a folder."""


def text_limit(max_input_bytes: int) -> int:
    """Return the greatest text that may hold values of this size: JSON has several spellings."""
    return max(MAX_TEXT_BYTES, 2 * max_input_bytes)


@dataclass(frozen=True, slots=True)
class FolderTerms:
    """The terms of a folder: files of one field, each with its path for a name.

    Attributes:
        field: Name of the field.
        max_files: How many files it may have.
        max_bytes: Greatest size of all of them.
    """

    field: str
    max_files: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class FormTerms:
    """The fields and files that a form may hold.

    Attributes:
        keeps_field: Checks whether anybody reads a field of this name; raises InvalidRequest if
            there must be none.
        check_file: Raises InvalidRequest if nobody reads a file of this name.
        max_files: How many files it may have.
        max_file_bytes: Greatest size of one.
        max_text_bytes: Names and values of all fields together.
        folder: The folder that may come besides, or None.
    """

    keeps_field: Callable[[str], bool]
    check_file: Callable[[str], None]
    max_files: int = 0
    max_file_bytes: int = 0
    max_text_bytes: int = MAX_TEXT_BYTES
    folder: FolderTerms | None = None

    @property
    def max_frame_bytes(self) -> int:
        """Most bytes that are neither text nor file: a file of a folder has a header of its own."""
        files = 0 if self.folder is None else self.folder.max_files
        return MAX_FRAME_BYTES + files * FOLDER_FRAME_BYTES

    @property
    def max_body_bytes(self) -> int:
        """The greatest body that can be such a form, where a byte of text may take three."""
        content = self.max_files * self.max_file_bytes
        if self.folder is not None:
            content += self.folder.max_bytes
        return 3 * self.max_text_bytes + self.max_frame_bytes + content


def only(*fields: str) -> FormTerms:
    """Return the terms of a form with these fields and no others, and no files."""
    return FormTerms(partial(_is_one_of, fields), partial(_check_file, ()))


def pipeline_terms(archive: str, max_file_bytes: int) -> FormTerms:
    """Return the terms of a form that creates a pipeline; what reads its tree knows the fields."""
    return FormTerms(lambda _: True, partial(_check_file, (archive,)), 1, max_file_bytes)


def run_terms(pipeline: Pipeline, max_file_bytes: int, max_text_bytes: int) -> FormTerms:
    """Return the terms of a form that runs a pipeline (wire contract, 5.3)."""
    inputs = map_inputs(Rule.RUN, pipeline.inputs, ())
    return FormTerms(
        check_run_field,
        partial(check_given, inputs, value=_FILE),
        _count_of_files(inputs),
        max_file_bytes,
        max_text_bytes,
    )


def rerun_terms(pipeline: Pipeline, max_file_bytes: int, max_text_bytes: int) -> FormTerms:
    """Return the terms of a form with inputs that take the place of recorded ones."""
    terms = run_terms(pipeline, max_file_bytes, max_text_bytes)
    return replace(terms, keeps_field=partial(_is_one_of, ("json_inputs",)))


def call_terms(
    inputs: Sequence[MappedInput], max_file_bytes: int, max_text_bytes: int
) -> FormTerms:
    """Return the terms of a form that calls a deployment.

    Where nothing comes from the call, fields are left aside, as the values of a JSON body are.
    """
    is_read = takes_values(inputs)

    def keeps_field(name: str) -> bool:
        if is_read:
            check_given(inputs, name)
        return is_read

    return FormTerms(
        keeps_field,
        partial(check_given, inputs, value=_FILE),
        _count_of_files(inputs),
        max_file_bytes,
        max_text_bytes,
    )


_FILE = FileValue("", "", 0)


def _count_of_files(inputs: Sequence[MappedInput]) -> int:
    return sum(
        item.parameter.data_type is DataType.FILE
        for item in inputs
        if isinstance(item.source, GivenValue)
    )


def _is_one_of(fields: Collection[str], name: str) -> bool:
    if name not in fields:
        raise InvalidRequest(
            f"The form has the unknown field {short(name)}; the fields are: "
            f"{', '.join(fields) or 'none'}."
        )
    return True


def _check_file(files: Collection[str], name: str) -> None:
    if name not in files:
        takes = f"the files are: {', '.join(files)}" if files else "it takes none"
        raise InvalidRequest(f"The form has the unexpected file {short(name)}; {takes}.")
