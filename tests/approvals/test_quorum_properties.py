"""What holds for every quorum, whoever says what in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.people import name_of
from interlock.approvals.quorum import Approval, Needs, Question, Quorum, judge
from support.questions import ENTRIES, EVERYTHING, HEAD, OLD, OTHER_TREE, POLICY, TEAM, TREE, question, review, team
from support.rosters import account_of

PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank")
MACHINES = ("trainer-ci", "eval-ci", "merge-bot")
STRANGER = 4711
ROLES = ("validator", "operator", "trainer")
RANK = {"pass": 1, "unknown": 0, "fail": 0}

# The machine may be busy: how long an example takes says nothing.
pytestmark = pytest.mark.generated
few = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def yeses(draw: st.DrawFn) -> Approval:
    """An approval: mostly one that holds, by anybody, in one of the two ways."""
    who = draw(st.sampled_from(PEOPLE))
    order = draw(st.integers(0, 6))
    if draw(st.booleans()):
        tree = draw(st.sampled_from([TREE, TREE, TREE, OTHER_TREE, None]))
        where = draw(st.sampled_from(["production", "production", None, "staging"]))
        return Approval(login=who, source="statement", tree=tree, order=order, roles=draw(claimed), environment=where)
    account = draw(st.sampled_from([account_of(who)] * 5 + [STRANGER, None]))
    human = draw(st.sampled_from([True] * 5 + [False, None]))
    return Approval(
        account=account, commit=draw(st.sampled_from([HEAD] * 4 + [OLD, None])), order=order, is_human=human
    )


claimed = st.sampled_from([frozenset[str]()] * 3 + [frozenset({role}) for role in ROLES])


@st.composite
def words(draw: st.DrawFn) -> Approval:
    """An approval, or something that takes one back."""
    said = draw(yeses())
    kind = draw(st.sampled_from(["yes"] * 12 + ["withdrawn", "no"]))
    return replace(said, withdrawn=kind == "withdrawn", objects=kind == "no")


@st.composite
def needs(draw: st.DrawFn) -> Needs:
    """What a policy may ask for."""
    roles = draw(st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), max_size=2))
    count = max(draw(st.integers(0, 3)), sum(roles.values()))
    distinct = (
        EVERYTHING if draw(st.booleans()) else draw(st.frozensets(st.sampled_from(sorted(EVERYTHING)), max_size=2))
    )
    return Needs(count, roles, distinct, frozenset(roles), paths=(POLICY,), quick=draw(st.booleans()))


@st.composite
def parts(draw: st.DrawFn) -> Identified:
    """Who played a part: seldom somebody unknown."""
    known = draw(st.frozensets(st.sampled_from(PEOPLE + ("alice", "erin", "frank") * 3), max_size=2))
    machines = draw(st.frozensets(st.sampled_from(MACHINES), max_size=1))
    unknown = (Contributor("x", "x@example.org", "author", HEAD),) if draw(st.integers(0, 29)) == 7 else ()
    return Identified(known, unknown, machines, (HEAD,) if draw(st.integers(0, 29)) == 7 else ())


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Anything that may be asked."""
    honest = (review("bob"), review("carol"))[: draw(st.integers(0, 2))]
    return question(
        needs=draw(needs()),
        contributors=draw(parts()),
        trainers=draw(st.none() | parts()),
        evaluators=draw(st.none() | parts()),
        activator=draw(st.none() | parts()),
        merged=draw(st.booleans()),
        approvals=(*honest, *draw(st.lists(words(), max_size=6))),
        unread=draw(st.sampled_from([""] * 9 + ["the forge did not answer"])),
    )


@few
@given(questions(), yeses())
def test_one_more_approval_never_makes_a_pass_a_refusal(asked: Question, another: Approval) -> None:
    before = judge(asked)
    after = judge(replace(asked, approvals=(*asked.approvals, another)))
    assert RANK[after.status] >= RANK[before.status]
    assert {one.login for one in before.counted} <= {one.login for one in after.counted}


@few
@given(questions(), st.randoms(use_true_random=False))
def test_the_order_in_which_reviews_come_changes_nothing(asked: Question, random: object) -> None:
    shuffled = list(asked.approvals)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(replace(asked, approvals=tuple(shuffled))) == judge(asked)


@few
@given(questions())
def test_nobody_counts_twice(asked: Question) -> None:
    found = judge(asked)
    assert len({one.login for one in found.counted}) == len(found.counted)
    assert len(found.counted) + len(found.not_counted) == sum(not said.objects for said in asked.approvals)


@few
@given(questions())
def test_whoever_had_a_hand_in_it_never_counts(asked: Question) -> None:
    counted = {one.login for one in judge(asked).counted}
    assert not counted & asked.contributors.people
    apart = [asked.trainers, asked.evaluators, asked.activator]
    if asked.needs.distinct >= EVERYTHING:
        assert not any(counted & part.people for part in apart if part)


@few
@given(questions())
def test_a_pass_has_everything_that_was_asked_for(asked: Question) -> None:
    found = judge(asked)
    if found.status != "pass":
        return
    assert len(found.counted) >= asked.needs.count
    for role, wanted in asked.needs.roles.items():
        filling = [one.login for one in found.counted if one.role == role]
        assert len(filling) >= wanted
        assert set(filling) <= TEAM.with_role(role)
    assert (found.missing, found.objections, found.conflicts, found.unknown) == ((), (), (), ())
    assert asked.needs.count or asked.needs.quick
    assert not asked.unread


@few
@given(questions())
def test_what_does_not_pass_says_why(asked: Question) -> None:
    found = judge(asked)
    assert all(one.who and one.why for one in found.not_counted)
    if found.status == "fail":
        assert found.missing or found.objections or found.conflicts
    if found.status == "unknown":
        assert found.unknown


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Contributor], list[list[Contributor]], Question]:
    """A question whose parts are told by marks, so that another roster may read them differently."""
    told = [
        [Contributor(who, f"{who}@example.com", "author", HEAD), Contributor("", "", "pusher", account=account_of(who))]
        for who in (draw(st.sampled_from(PEOPLE + ("erin", "frank", "alice") * 2)) for _ in range(4))
    ]
    return told[0], told[1:], draw(questions())


def judged(
    people_without: tuple[str, ...], story: tuple[list[Contributor], list[list[Contributor]], Question]
) -> Quorum:
    authors, others, asked = story
    people = team(without=people_without)
    trainers, evaluators, activator = (identify(told, people) for told in others)
    asked = replace(asked, people=people, contributors=identify(authors, people), activator=activator)
    return judge(replace(asked, trainers=trainers, evaluators=evaluators))


@few
@given(stories(), st.sampled_from([entry.get("login") or entry["name"] for entry in ENTRIES]))
def test_taking_somebody_out_of_the_roster_never_makes_it_pass(
    story: tuple[list[Contributor], list[list[Contributor]], Question], gone: str
) -> None:
    assert RANK[judged((gone,), story).status] <= RANK[judged((), story).status]


@few
@given(stories(), st.sampled_from(PEOPLE), st.sampled_from(ROLES))
def test_an_ambiguous_person_never_makes_it_pass(
    story: tuple[list[Contributor], list[list[Contributor]], Question], who: str, role: str
) -> None:
    entries = [entry for entry in ENTRIES if entry.get("login") == who]
    double = {**entries[0], "login": f"{who}-2", "id": 1, "roles": [role]}
    people = team(double)
    assert people.ambiguous == {who, f"{who}-2"}
    authors, others, asked = story
    trainers, evaluators, activator = (identify(told, people) for told in others)
    asked = replace(asked, people=people, contributors=identify(authors, people), activator=activator)
    found = judge(replace(asked, trainers=trainers, evaluators=evaluators))
    assert RANK[found.status] <= RANK[judged((), story).status]
    assert who not in {one.login for one in found.counted}


def test_the_team_is_unambiguous() -> None:
    assert not TEAM.ambiguous
    assert {name_of(member) for member in TEAM.members} >= {*PEOPLE, *MACHINES}
