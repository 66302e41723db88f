"""Cells of CSV files, which people open with spreadsheets."""

from __future__ import annotations

_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: such a text gets an apostrophe.

    Names, inputs, outputs and reasons are given by code, which may be somebody else's; a number is
    never a text.
    """
    if isinstance(value, str) and value.startswith(_FORMULA_BEGINS):
        return f"'{value}"
    return value
