"""What a status takes over from the one before: times of conditions and waits, and the history of what was served."""

from __future__ import annotations

from dataclasses import replace

from interlock.sync.continuation import continued, under_way
from interlock.sync.status import CONDITIONS, MAX_HISTORY, AliasStatus, Commits, Condition, Status, Truth, Wait

A, B = "a" * 40, "b" * 40


def status(
    *rows: tuple[str, str, str], commit: str = A, served: Truth = "True", waiting: tuple[Wait, ...] = ()
) -> Status:
    """A status whose routes are `rows`: alias, served name, canary."""
    conditions = tuple(Condition(kind, served if kind == "Served" else "True", "", "") for kind in CONDITIONS)
    aliases = tuple(AliasStatus(alias, to, to, canary, (), "") for alias, to, canary in rows)
    commits = Commits(commit, commit, None, commit if served == "True" else None)
    return Status("node-1", "dev", commits, conditions, aliases, "", None, (), waiting=waiting)


def told(one: Status) -> list[tuple[float, str | None, str, str, str]]:
    return [(c.time, c.commit, c.alias, c.served, c.canary) for c in one.history]


def test_the_first_look_is_where_the_history_begins() -> None:
    first = continued(status(("bot", "bot@1", ""), ("sql", "", "")), None, 10.0)
    assert told(first) == [(10.0, A, "bot", "bot@1", "")]
    assert first.flips == 1
    assert [change.alias for change in first.serving] == ["bot"]


def test_only_what_changed_is_told_with_its_commit_and_time() -> None:
    first = continued(status(("bot", "bot@1", ""), ("sql", "sql@1", "")), None, 10.0)
    second = continued(status(("bot", "bot@2", "bot@3"), ("sql", "sql@1", ""), commit=B), first, 20.0)
    same = continued(status(("bot", "bot@2", "bot@3"), ("sql", "sql@1", ""), commit=B), second, 30.0)
    assert told(second)[2:] == [(20.0, B, "bot", "bot@2", "bot@3")]
    assert (same.history, same.serving, same.flips) == (second.history, second.serving, 3)
    assert [(change.alias, change.time) for change in same.serving] == [("bot", 20.0), ("sql", 10.0)]


def test_an_alias_that_git_no_longer_names_ends_and_may_begin_again() -> None:
    first = continued(status(("bot", "bot@1", "")), None, 10.0)
    gone = continued(status(commit=B), first, 20.0)
    back = continued(status(("bot", "bot@1", "")), gone, 30.0)
    assert told(back)[1:] == [(20.0, B, "bot", "", ""), (30.0, A, "bot", "bot@1", "")]
    assert gone.serving == ()


def test_an_engine_that_does_not_answer_changes_nothing_in_the_history() -> None:
    first = continued(status(("bot", "bot@1", "")), None, 10.0)
    silent = continued(status(("bot", "", ""), served="Unknown", commit=B), first, 20.0)
    assert (silent.history, silent.serving, silent.flips) == (first.history, first.serving, 1)
    assert continued(status(("bot", "bot@1", "")), silent, 30.0).flips == 1


def test_the_history_ends_at_its_bound_and_what_is_served_does_not() -> None:
    many = tuple((f"bot-{number:04}", "one", "") for number in range(1000))
    one = continued(status(*many), None, 10.0)
    assert (len(one.history), len(one.serving), one.flips) == (MAX_HISTORY, 1000, 1000)
    assert continued(status(*many), one, 20.0).flips == 1000


def test_the_commit_that_is_served_stays_until_another_one_is_served_completely() -> None:
    first = continued(status(("bot", "bot@1", "")), None, 10.0)
    half = continued(status(("bot", "bot@1", ""), commit=B, served="False"), first, 20.0)
    assert (half.commits.accepted, half.commits.served) == (B, A)
    assert continued(status(("bot", "bot@2", ""), commit=B), half, 30.0).commits.served == B


def test_a_wait_keeps_the_moment_that_was_told_while_it_is_the_same_one() -> None:
    first = continued(status(waiting=(Wait("bot@2", "HeldBack", "no", 100.0),)), None, 10.0)
    same = continued(status(waiting=(Wait("bot@2", "HeldBack", "no", 100.001),)), first, 20.0)
    assert same.waiting[0].retry_at == 100.0
    later = continued(status(waiting=(Wait("bot@2", "HeldBack", "no", 160.0),)), same, 30.0)
    assert later.waiting[0].retry_at == 160.0
    final = replace(later, waiting=(Wait("bot@2", "HeldBack", "no", None),))
    assert continued(final, later, 40.0).waiting[0].retry_at is None


def truths(one: Status) -> dict[str, str]:
    return {condition.type: condition.status for condition in one.conditions}


def test_a_node_that_was_ready_is_not_while_what_is_missing_is_brought_into_place() -> None:
    before = continued(status(("bot", "bot@1", "")), None, 10.0)
    found = status(("bot", "", ""), commit=B, served="False")
    found = replace(found, conditions=tuple(replace(one, status="False", reason="Missing") for one in found.conditions))
    told = under_way(before, found, 20.0)
    changed = {kind for kind, truth in truths(told).items() if truth == "False"}
    assert changed == {"Ready", "Reconciling", "Fetched", "Loaded", "Served", "RollbackReady", "Available"}
    assert (told.condition("Ready").since, told.condition("Trust").since) == (20.0, 10.0)
    assert (told.commits.accepted, told.commits.served, told.history) == (B, A, before.history)


def test_a_node_that_was_not_ready_keeps_its_reason_so_that_no_alarm_pauses_at_every_turn() -> None:
    before = continued(status(("bot", "bot@1", "")), None, 10.0)
    stalled: dict[str, Truth] = {"Ready": "False", "Stalled": "True"}
    conditions = tuple(
        replace(one, status=stalled.get(one.type, one.status), reason="Refused") for one in before.conditions
    )
    told = under_way(replace(before, conditions=conditions), status(("bot", "bot@1", "")), 20.0)
    assert {kind: told.condition(kind).reason for kind in stalled} == {"Ready": "Refused", "Stalled": "Refused"}
