"""A server of one's own for a folder on this machine, for ``headrace dev`` and ``run --local``.

It is the server that ``headrace serve`` starts, as a process of its own, on a data directory that
is kept for each folder in the user's cache. Nothing here imports the server.
"""
