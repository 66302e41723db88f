"""Kill a server of one's own on purpose, and prove that nothing was lost.

Nothing here imports the server: it is started as a process, used through the SDK and HTTP, and
judged by SQL of this package's own on the database that it leaves.
"""
