"""What may be recorded as a metric."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidName, InvalidRequest, InvalidValue
from headrace.core.metrics import check_metric_name, check_metric_value, check_metric_values


@pytest.mark.parametrize("name", ["accuracy", "loss/train", "F1 (macro)", "précision", "x" * 200])
def test_a_metric_may_be_named_as_people_name_them(name: str) -> None:
    assert check_metric_name(name) == name


@pytest.mark.parametrize("name", ["", "  ", " a", "a\n", "\x00", "x" * 201, None, 3])
def test_other_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidName):
        check_metric_name(name)


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (-0.5, -0.5), (10**300, 1e300)])
def test_finite_numbers_are_values(value: object, number: float) -> None:
    assert check_metric_value(value, "value") == number


@pytest.mark.parametrize("value", [True, None, "1", [], float("inf"), float("nan"), 10**400])
def test_nothing_else_is_a_value(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"^here must be a finite number, not .{1,40}\.$"):
        check_metric_value(value, "here")


def test_each_value_of_a_list_is_looked_at() -> None:
    assert check_metric_values([1, 2.5]) == (1.0, 2.5)
    with pytest.raises(InvalidValue, match=r"values\[1\]"):
        check_metric_values([1, None])


@pytest.mark.parametrize("values", [[], "12", None, 3, [0.0] * 10_001])
def test_a_request_adds_some_values_and_not_too_many(values: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^values"):
        check_metric_values(values)
