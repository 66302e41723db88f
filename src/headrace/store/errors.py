"""What a database refuses because of the schema, in words that no database has of its own."""

from __future__ import annotations


class Refused(Exception):
    """A row breaks a rule of the schema; the transaction can go on without it."""


class Duplicate(Refused):
    """A new row is like one that is there."""


class Dangling(Refused):
    """A row refers to one that is not there, or that others refer to was to go."""
