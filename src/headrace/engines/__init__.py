"""Engines run one call of user code somewhere."""
