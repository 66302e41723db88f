"""Headrace turns a Python function into a run, an endpoint or a periodic job."""
