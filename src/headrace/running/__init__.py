"""Executions, from their claim by this worker to their recorded end."""
