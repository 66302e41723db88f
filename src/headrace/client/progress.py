"""A bar on stderr that shows how much of a file has gone over the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Told how many more bytes have gone over."""


@contextmanager
def progress_bar(text: str, size: int | None) -> Iterator[Advance]:
    """Show a bar while this is entered, in a terminal or a notebook; elsewhere show nothing.

    Args:
        text: What is going on.
        size: Bytes in all, None if that is not known.
    """
    try:
        # An optional part of the installation, and one that takes long to import.
        from rich import progress  # noqa: PLC0415 - see above
        from rich.console import Console  # noqa: PLC0415 - see above
    except ImportError:
        yield _unseen
        return
    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield _unseen
        return
    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=size)

        def advance(count: int) -> None:
            bar.update(task, advance=count)

        yield advance


def _unseen(count: int) -> None:
    del count
