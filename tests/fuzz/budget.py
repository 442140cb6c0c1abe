"""How many cases each fuzz test runs, and for how long one case may compute.

    @cases(500, st.binary())
    def test_any_bytes_are_read_or_told(data: bytes) -> None: ...

The cases of a test run are always the same. `make fuzz` (HYPOTHESIS_PROFILE=long) runs twenty times as many, of its own
random choice, and remembers what failed in .hypothesis/.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
TIMES = 20 if LONG else 1
SECONDS_EACH = 10.0
"""Of computing, not of waiting: a busy machine fails no case."""

PLANNED: dict[str, int] = {}
"""The cases of every fuzz test whose module was imported, by file and name."""

_CHECKS: dict[str, Any] = {
    "deadline": None,  # see SECONDS_EACH
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    "derandomize": not LONG,
    **({} if LONG else {"database": None}),
}


def cases(count: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Make a test of `count` cases, whose arguments come from the strategies; fails if fewer were run."""

    def test_of(check: Callable[..., None]) -> Callable[[], None]:
        ran = 0

        @wraps(check)
        def one(**values: Any) -> None:
            nonlocal ran
            ran += 1
            with computing_at_most(SECONDS_EACH):
                check(**values)

        run = settings(max_examples=count * TIMES, **_CHECKS)(given(*strategies)(one))

        def test() -> None:
            run()
            assert ran >= count * TIMES, f"only {ran} of {count * TIMES} cases were run"

        test.__doc__ = check.__doc__
        PLANNED[f"{check.__code__.co_filename}::{check.__name__}"] = count
        return test

    return test_of


@contextmanager
def computing_at_most(seconds: float) -> Iterator[None]:
    """Fail with the place where it computed too long, if the block takes more time of the processor than this."""

    def too_long(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"one case computed for more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
