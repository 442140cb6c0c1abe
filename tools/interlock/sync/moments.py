"""Named points at which the agent is about to change, or has changed, something outside of its own memory.

`Agent` and what it calls announce each of them to one function, which does nothing unless somebody gave another one:
the fault suite ends the process there, to show that every such point is one from which the next agent recovers.
"""

from __future__ import annotations

from collections.abc import Callable

Moments = Callable[[str], None]


def unwatched(moment: str) -> None:
    """What is done at a moment when nobody watches."""
