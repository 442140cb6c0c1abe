"""Roles are filled by as many different people as possible."""

from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.approvals.assignment import assign

ROLES = ("validator", "operator", "auditor")
holders = st.dictionaries(st.sampled_from("abcdef"), st.frozensets(st.sampled_from(ROLES)), max_size=5)
wanted = st.dictionaries(st.sampled_from(ROLES), st.integers(1, 3))


def test_whoever_can_fill_one_role_only_gets_it() -> None:
    both = frozenset({"validator", "operator"})
    found = assign({"anna": both, "zoe": frozenset({"operator"})}, {"operator": 1, "validator": 1})
    assert found == {"anna": "validator", "zoe": "operator"}


def test_a_policy_that_asks_for_a_billion_costs_nothing() -> None:
    assert assign({"anna": frozenset({"operator"})}, {"operator": 1_000_000_000}) == {"anna": "operator"}


def test_many_people_are_placed_in_no_time() -> None:
    team = {f"person-{n:04}": frozenset({"validator", "operator"}) for n in range(1000)}
    assert len(assign(team, {"operator": 500, "validator": 500})) == 1000


@settings(deadline=None)
@given(holders, wanted)
def test_no_other_assignment_fills_more_places(holders: dict[str, frozenset[str]], wanted: dict[str, int]) -> None:
    found = assign(holders, wanted)
    filled = Counter(found.values())
    assert all(role in holders[login] for login, role in found.items())
    assert all(filled[role] <= number for role, number in wanted.items())
    assert filled.keys() <= wanted.keys()
    assert len(found) == _most(holders, wanted)


def _most(holders: dict[str, frozenset[str]], wanted: dict[str, int]) -> int:
    """The best of all ways to give each person one of their roles or none."""
    best = 0
    for choice in product(*[(*roles, None) for roles in holders.values()]):
        taken = Counter(role for role in choice if role in wanted)
        if all(number <= wanted[role] for role, number in taken.items()):
            best = max(best, sum(taken.values()))
    return best
