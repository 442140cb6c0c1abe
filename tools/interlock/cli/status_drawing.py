"""The table of nodes on a terminal: the same words as in `status_table`, wrapped to its width, and in colour.

Imported only where somebody sees it, because rich takes a while to load.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interlock.cli.status_table import COLUMNS, rows, summary
from interlock.sync.sightings import Sighting

_STYLES = {"yes": "green", "NO": "bold red", "unknown": "yellow"}


def draw(sightings: Sequence[Sighting], now: float, console: Console) -> None:
    """Draw table and summary; `now` in seconds since the epoch."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in COLUMNS:
        table.add_column(title, overflow="fold")
    for name, environment, ready, *rest in rows(sightings, now):
        table.add_row(Text(name), Text(environment), Text(ready, _STYLES[ready]), *map(Text, rest))
    console.print(table)
    console.print(Text(summary(sightings)))
