"""Logs: files of lines, one for each execution and each build."""
