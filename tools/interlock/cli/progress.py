"""A progress bar for long work: only on a terminal, on standard error, and only when it takes noticeable time.

`rich` is imported when a bar is really drawn, so short and scripted commands do not pay for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from interlock.cli.terminal import wants_color

Progress = Callable[[int, int], None]
"""Called with (bytes done so far, bytes in all)."""

PATIENCE = 0.5
"""Seconds of work before a bar appears."""


@contextmanager
def progress_bar(label: str, patience: float = PATIENCE) -> Iterator[Progress | None]:
    """Give a function to report progress to, or None where nobody would see a bar.

    The bar appears with the first report after `patience` seconds.
    """
    if not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as stack:
        yield _Bar(label, patience, stack)


class _Bar:
    """Draws itself from the first report after `patience` seconds on."""

    def __init__(self, label: str, patience: float, stack: ExitStack) -> None:
        self._label = label
        self._patience = patience
        self._stack = stack
        self._begin = time.monotonic()
        self._update: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._update is None and time.monotonic() - self._begin > self._patience:
            self._update = self._drawn()
        if self._update:
            self._update(done, total)

    def _drawn(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True, no_color=not wants_color(sys.stderr))
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        bars = self._stack.enter_context(Bars(*columns, console=console, transient=True))
        task = bars.add_task(self._label, total=None)
        return lambda done, total: bars.update(task, completed=done, total=total)
