"""Whole repositories with anything in them, through the real checker: findings or a verdict, and never an exception."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.valid import healthy_files
from fuzz.whole_repository import Bench, Edits, edits

TODAY = dt.date(2026, 11, 24)
_bench = Bench()
_environments = st.sampled_from((None, None, "dev", "production", "nowhere"))


def test_the_repository_that_is_changed_is_healthy() -> None:
    assert _bench.check({}, deep=True, today=TODAY).findings == ()


@cases(600, edits(), _environments, st.booleans())
def test_a_repository_with_changed_files_is_judged(made: Edits, environment: str | None, deep: bool) -> None:
    _bench.check(made, environment=environment, deep=deep, today=TODAY)


def test_every_case_puts_the_repository_back() -> None:
    found = {p.relative_to(_bench.root).as_posix(): p.read_bytes() for p in _bench.root.rglob("*") if p.is_file()}
    assert found == healthy_files()
