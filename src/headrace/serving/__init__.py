"""Calls that pods answer, from their acceptance to their record."""
