"""The five fields of a cron expression: what each takes, and what is said of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from cronsim import CronSimError
from cronsim.cronsim import Field

from headrace.core.errors import InvalidSchedule

EXAMPLE = "'0 8 * * 1-5' is 8:00 from Monday to Friday"

_STEPPED = re.compile(r"(\w+)-(\w+)/\w+")
_STEP = re.compile(r"/([0-9]{1,9})(?![^,])")
_RANGE = re.compile(r"(\w{1,9})-(\w{1,9})")
_UP_TO_SUNDAY = re.compile(r"(?<=-)SUN\b")


@dataclass(frozen=True, slots=True)
class FieldKind:
    """What one of the five fields takes.

    Attributes:
        field: The field, as the library that reads it knows it.
        name: Its name in messages.
        low: Its least number.
        values: How many different values it has; also the largest step.
        takes: What it takes, in words.
        starts_anew: When its counting begins again, which a step cannot cross.
        instead: What to write for a step that is too large.
    """

    field: Field
    name: str
    low: int
    values: int
    takes: str
    starts_anew: str
    instead: str

    @property
    def last(self) -> int:
        """The greatest of its values."""
        return self.low + self.values - 1


FIELDS = (
    FieldKind(
        Field.MINUTE, "minute", 0, 60, "0 to 59", "each hour",
        "give the hour a step, as in '0 */2 * * *' for every 2 hours",
    ),
    FieldKind(
        Field.HOUR, "hour", 0, 24, "0 to 23", "each day",
        "give the day of the month a step, as in '0 0 */2 * *'",
    ),
    FieldKind(
        Field.DAY, "day of the month", 1, 31, "1 to 31, L for the last day", "each month",
        "give the month a step, as in '0 0 1 */2 *' for every second month",
    ),
    FieldKind(
        Field.MONTH, "month", 1, 12, "1 to 12 or names JAN to DEC", "each year",
        "name the months, as in '0 0 1 1,7 *'",
    ),
    FieldKind(
        Field.DOW, "day of the week", 0, 7,
        "0 to 7 (0 and 7 are Sunday) or names SUN to SAT", "each week",
        "name the days, as in '0 0 * * MON,THU'",
    ),
)  # fmt: skip


def check_fields(fields: Sequence[str]) -> None:
    """Check the five fields of an expression, one by one.

    Raises:
        InvalidSchedule: With the first field that is wrong, why, and what to write instead.
    """
    expression = " ".join(fields)
    for text, kind in zip(fields, FIELDS, strict=True):
        for step in _STEP.findall(text):
            if int(step) > kind.values:
                raise _too_large_a_step(expression, text, kind, step)
        try:
            kind.field.parse(_readable_field(kind, text))
        except (CronSimError, ValueError, TypeError, AssertionError):
            raise InvalidSchedule(
                f"schedule {expression!r}: the field {kind.name} is {text!r}{_hint(text, kind)}, "
                f"but it takes numbers from {kind.takes}, * for any, a-b for a range, a,b for "
                f"several and */n for every n-th; {EXAMPLE}."
            ) from None


def readable(expression: str) -> str:
    """Return an expression as the library is to read it, which differs in two points.

    A range up to ``SUN`` ends with 7 and not with 0, so that ``FRI-SUN`` is ``5-7``. A range of one
    number is that number, though the library takes steps from it to the end of the field.
    """
    fields = zip(FIELDS, expression.split(), strict=True)
    return " ".join(_readable_field(kind, text) for kind, text in fields)


def _readable_field(kind: FieldKind, text: str) -> str:
    return _STEPPED.sub(partial(_alone, kind.field), _numbered_sunday(kind, text))


def _numbered_sunday(kind: FieldKind, text: str) -> str:
    return _UP_TO_SUNDAY.sub("7", text.upper()) if kind.field is Field.DOW else text.upper()


def _alone(field: Field, span: re.Match[str]) -> str:
    return span[1] if field.int(span[1]) == field.int(span[2]) else span[0]


def _too_large_a_step(expression: str, text: str, kind: FieldKind, step: str) -> InvalidSchedule:
    return InvalidSchedule(
        f"schedule {expression!r}: the field {kind.name} is {text!r}, but a step is at most "
        f"{kind.values} there: the counting starts anew {kind.starts_anew}, so that a step of "
        f"{step} would never be taken. For once {kind.starts_anew} write a single number, such as "
        f"{kind.low}; for less often {kind.instead}."
    )


def _hint(text: str, kind: FieldKind) -> str:
    if re.search(r"/0+(,|$)", text):
        return " (a step of 0)"
    for begin, end in _RANGE.findall(_numbered_sunday(kind, text)):
        try:
            first, last = kind.field.int(begin), kind.field.int(end)
        except CronSimError:
            continue
        if last < first:
            return (
                f" (a range that ends before it begins; to go on over the end of the field write "
                f"{_joined(kind, first, last)})"
            )
    return ""


def _joined(kind: FieldKind, first: int, last: int) -> str:
    """Return a range that wraps as two that do not."""
    if kind.field is Field.DOW and last == 0:
        return _span(first, 7)
    if first > kind.last:  # Sunday as 7
        return _span(kind.low, last)
    return f"{_span(first, kind.last)},{_span(kind.low, last)}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
