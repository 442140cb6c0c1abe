"""Emergencies: who may declare one, for what, how long; that it excuses approvals once, and waits for a review."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from interlock.approvals.statements import EmergencyStatement
from interlock.checking.clock import utc_now
from interlock.checking.decision import Decision
from interlock.checking.emergencies import declared_emergency, past_emergencies
from interlock.checking.signed_statements import sign_statement
from interlock.checking.trusted_side import policy_at
from interlock.history.attestation_ref import EMERGENCIES, REF, add, add_several, file_name
from support.command_line import Outcome, interlock
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


def declare(workshop: Workshop, who: str = "carol", what: str = "HEAD", **options: str) -> Outcome:
    given = {"env": "production", "reason": "it leaks addresses", "expires": "1h"} | options
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    root = workshop.repository.root
    return interlock("emergency", "declare", what, "--key", workshop.team.key(who), "--yes", "-C", root, *words)


def review(workshop: Workshop, who: str, what: str = "HEAD") -> Outcome:
    words = ("--outcome", "justified", "--text", "see incident 17", "--key", workshop.team.key(who))
    return interlock("emergency", "review", what, *words, "-C", workshop.repository.root)


def holds(workshop: Workshop, decision: Decision, environment: str = "production", *, after: dt.timedelta) -> bool:
    now = utc_now() + after
    policy = policy_at(workshop.opened, decision.parent, environment)
    gathered = workshop.gathered(decision, now)
    found = declared_emergency(workshop.opened, gathered, decision, environment, policy, now)
    return found.statement is not None


def next_promotion(workshop: Workshop) -> Outcome:
    """The verdict on another promotion into production, which two people approved."""
    workshop.git("checkout", "--quiet", "-B", "next", "main")
    workshop.repository.point("production", "sql-helper", keep=["1"])
    workshop.repository.point("production", "support-bot", active="2", canary={"revision": "3", "weight": 5})
    workshop.commit("Try 3")
    workshop.git("checkout", "--quiet", "main")
    return interlock("check", workshop.repository.root, "--base", "main", "--head", "next", "--approvals")


def test_an_emergency_holds_for_one_step_one_environment_and_a_short_time(workshop: Workshop) -> None:
    commit = workshop.merge("promote", "squash")
    outcome = declare(workshop)
    assert outcome.status == 0, outcome.err
    assert "Emergency declared by carol" in outcome.out
    decision = workshop.merged(commit)
    assert holds(workshop, decision, after=dt.timedelta())
    assert holds(workshop, decision, after=dt.timedelta(minutes=59))
    assert not holds(workshop, decision, after=dt.timedelta(minutes=61))
    assert not holds(workshop, decision, "staging", after=dt.timedelta())
    other = Decision(decision.target_ref, commit, decision.tree, commit, commit)
    assert not holds(workshop, other, after=dt.timedelta())


def test_it_may_be_declared_before_the_merge(workshop: Workshop) -> None:
    assert declare(workshop, what="main..promote").status == 0
    assert holds(workshop, workshop.merged(workshop.merge("promote", "squash")), after=dt.timedelta())


@pytest.mark.parametrize(
    ("who", "options", "why"),
    [
        ("bob", {}, "bob has none of the roles that may act in an emergency: incident-commander"),
        ("check-ci", {}, "check-ci has none of the roles"),
        ("mallory", {}, "nobody in the roster holds the key"),
        ("carol", {"expires": "5h"}, "it is to last longer than 4h"),
        ("carol", {"env": "staging"}, "the policies describe no emergencies in staging"),
        ("carol", {"reason": " "}, "without a reason"),
        ("carol", {"reason": "x" * 2001}, "without a reason"),
    ],
)
def test_what_would_not_hold_is_not_kept(workshop: Workshop, who: str, options: dict[str, str], why: str) -> None:
    workshop.merge("promote", "squash")
    outcome = declare(workshop, who, **options)
    assert outcome.status == 2
    assert why in outcome.err
    assert workshop.git("for-each-ref", REF) == ""


def test_it_is_no_approval_and_is_not_attested(workshop: Workshop) -> None:
    workshop.merge("promote", "squash")
    assert declare(workshop).status == 0
    outcome = workshop.attest()
    assert outcome.status == 1
    assert "is not attested" in outcome.err


def forged(workshop: Workshop, decision: Decision, who: str, **changes: object) -> bytes:
    now = utc_now()
    statement = EmergencyStatement(
        target_ref=decision.target_ref,
        tree=decision.tree,
        from_commit=decision.parent,
        environment="production",
        reason="because",
        by="carol",
        declared=now,
        expires=now + dt.timedelta(hours=1),
    ).model_copy(update=changes)
    return sign_statement(statement, workshop.team.key(who))


def test_one_that_nobody_would_be_asked_to_review_does_not_hold(workshop: Workshop) -> None:
    decision = workshop.merged(workshop.merge("promote", "squash"))
    data = forged(workshop, decision, "carol")
    add(workshop.opened.git, decision.tree, {file_name(data): data})
    assert not holds(workshop, decision, after=dt.timedelta())
    files = {file_name(data): data}
    add_several(workshop.opened.git, {decision.tree: files, EMERGENCIES: files})
    assert holds(workshop, decision, after=dt.timedelta())


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("bob", {}),
        ("bob", {"by": "bob"}),
        ("carol", {"by": "bob"}),
        ("carol", {"environment": "staging"}),
        ("carol", {"from_commit": "a" * 40}),
        ("carol", {"target_ref": "refs/heads/other"}),
        (
            "carol",
            {"declared": dt.datetime(2100, 1, 1, tzinfo=dt.UTC), "expires": dt.datetime(2100, 1, 1, 1, tzinfo=dt.UTC)},
        ),
        ("carol", {"declared": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}),
    ],
)
def test_one_that_was_made_by_hand_is_judged_again(workshop: Workshop, who: str, changes: dict[str, object]) -> None:
    decision = workshop.merged(workshop.merge("promote", "squash"))
    data = forged(workshop, decision, who, **changes)
    files = {file_name(data): data}
    add_several(workshop.opened.git, {decision.tree: files, EMERGENCIES: files})
    assert not holds(workshop, decision, after=dt.timedelta())


def test_the_next_promotion_waits_for_a_review_by_somebody_else(workshop: Workshop) -> None:
    commit = workshop.merge("promote", "squash")
    assert declare(workshop).status == 0
    (past,) = past_emergencies(workshop.opened, commit, ["production"], utc_now())["production"]
    assert (past.by, past.commit, past.reviewed_by) == ("carol", commit, ())
    assert past.review_due == past.declared + dt.timedelta(hours=24)
    assert "[emergency-not-reviewed]" in next_promotion(workshop).out
    own = review(workshop, "carol")
    assert own.status == 2
    assert "reviewed by somebody else" in own.err
    assert review(workshop, "check-ci").status == 2
    assert review(workshop, "mallory").status == 2
    outcome = review(workshop, "bob")
    assert outcome.status == 0, outcome.err
    (past,) = past_emergencies(workshop.opened, commit, ["production"], utc_now())["production"]
    assert past.reviewed_by == ("bob",)
    assert "[emergency-not-reviewed]" not in next_promotion(workshop).out


def test_one_for_a_commit_that_never_came_onto_the_branch_stops_nothing(workshop: Workshop) -> None:
    assert declare(workshop, what="main..promote").status == 0
    assert past_emergencies(workshop.opened, workshop.git("rev-parse", "main"), ["production"], utc_now()) == {
        "production": ()
    }


def test_there_is_nothing_to_review_where_nothing_was_declared(workshop: Workshop) -> None:
    workshop.merge("promote", "squash")
    outcome = review(workshop, "bob")
    assert outcome.status == 2
    assert "no emergency is declared for the tree" in outcome.err
