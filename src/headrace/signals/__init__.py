"""Signals: hints that something changed, so that whoever waits looks again now."""
