"""The number of generated cases cannot shrink unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import strategies as st

from fuzz.budget import LONG, PLANNED, cases, computing_at_most

REQUIRED = 10_000


def test_at_least_ten_thousand_cases_are_generated() -> None:
    for module in sorted(Path(__file__).parent.glob("test_*.py")):
        import_module(f"fuzz.{module.stem}")
    print(f"{sum(PLANNED.values())} generated cases in {len(PLANNED)} tests")
    assert sum(PLANNED.values()) >= REQUIRED, "\n".join(f"{count:6} {test}" for test, count in PLANNED.items())


def test_a_test_whose_strategy_runs_out_of_cases_fails() -> None:
    @cases(50, st.booleans())
    def too_few(value: bool) -> None:
        assert isinstance(value, bool)

    del PLANNED[next(test for test in PLANNED if test.endswith("::too_few"))]
    with pytest.raises(AssertionError, match="only 2 of"):
        too_few()


def test_a_case_that_hangs_fails_and_says_where() -> None:
    with pytest.raises(AssertionError, match="computed for more than"), computing_at_most(0.05):
        _compute_for_ever()


def _compute_for_ever() -> None:
    while True:
        pass


def test_the_cases_of_a_test_are_always_the_same() -> None:
    assert LONG or _drawn() == _drawn()


def _drawn() -> list[bytes]:
    found: list[bytes] = []

    @cases(20, st.binary(max_size=8))
    def collected(data: bytes) -> None:
        found.append(data)

    run: Callable[[], None] = collected
    run()
    del PLANNED[next(test for test in PLANNED if test.endswith("::collected"))]
    return found
