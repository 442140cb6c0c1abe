"""What every reader of a forge makes of the same story, over real HTTP against servers that answer in its shapes."""

from __future__ import annotations

import pytest

from interlock.approvals.forges.address import ForgeKind
from interlock.approvals.reviews import ProposalFacts, current_reviews
from support.forges.reading import KINDS, TOKEN, forge, simulator
from support.forges.telling import AUTHOR, NUMBER, Story, sha
from support.scripted_engine import ReceivedRequest

BOB, CAROL, DAVE = 1002, 1003, 1004

pytestmark = pytest.mark.parametrize("kind", KINDS)


def told(kind: ForgeKind, story: Story) -> ProposalFacts:
    with forge(kind, simulator(kind, story)) as reading:
        return reading.read()


def states(facts: ProposalFacts) -> dict[int | None, str]:
    return {review.account: review.state for review in current_reviews(facts.reviews)}


def test_a_proposal_is_read(kind: ForgeKind) -> None:
    facts = told(kind, Story())
    assert (facts.number, facts.author_account, facts.base_ref, facts.head_commit) == (NUMBER, AUTHOR, "main", sha("a"))
    assert facts.merged_commit is None
    assert facts.reviews == ()
    assert facts.complete


def test_an_approval_names_account_login_and_commit(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "approved")
    (review,) = told(kind, story).reviews
    assert (review.account, review.login, review.state, review.commit) == (BOB, "user1002", "approved", sha("a"))
    assert review.kind == ("unknown" if kind == "forgejo" else "human")


def test_bypass_8_an_approval_from_before_a_push_is_not_for_the_head(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "approved")
    story.push(AUTHOR, sha("b"))
    facts = told(kind, story)
    assert facts.head_commit == sha("b")
    assert [review.commit for review in facts.reviews] == [sha("a")]


def test_an_approval_after_the_push_is_for_the_head(kind: ForgeKind) -> None:
    story = Story()
    story.push(AUTHOR, sha("b"))
    story.say(BOB, "approved")
    assert [review.commit for review in told(kind, story).reviews] == [sha("b")]


def test_who_pushed_is_told(kind: ForgeKind) -> None:
    story = Story()
    story.push(DAVE, sha("b"))
    facts = told(kind, story)
    assert DAVE in facts.pushers
    assert facts.pushers_known == (kind == "github")
    assert bool(facts.why_pushers_unknown) != facts.pushers_known


def test_the_latest_decision_of_an_account_speaks(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "approved")
    story.say(BOB, "changes-requested")
    assert states(told(kind, story)) == {BOB: "changes-requested"}


def test_an_approval_after_a_request_for_changes_speaks(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "changes-requested")
    story.say(BOB, "approved")
    assert states(told(kind, story)) == {BOB: "approved"}


def test_bypass_11_what_was_taken_back_does_not_revive_an_older_approval(kind: ForgeKind) -> None:
    story = Story()
    story.say(CAROL, "approved")
    story.say(BOB, "approved")
    story.take_back(BOB)
    assert states(told(kind, story)) == {CAROL: "approved", BOB: "dismissed"}


def test_a_comment_does_not_supersede_an_approval(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "approved")
    story.say(BOB, "commented")
    assert states(told(kind, story)) == {BOB: "approved"}


def test_a_merged_proposal_names_the_commit_that_it_became(kind: ForgeKind) -> None:
    story = Story(merged=sha("d"))
    assert told(kind, story).merged_commit == sha("d")


def test_all_pages_are_read(kind: ForgeKind) -> None:
    story = Story()
    for account in range(2001, 2231):
        story.say(account, "approved")
    facts = told(kind, story)
    assert [review.account for review in facts.reviews] == list(range(2001, 2231))
    assert facts.complete


def test_the_token_stands_in_one_header_and_nowhere_else(kind: ForgeKind) -> None:
    with forge(kind, simulator(kind, Story())) as reading:
        reading.read()
        for request in reading.server.requests:
            assert request.method == "GET"
            assert TOKEN not in request.path
            assert [TOKEN in value for value in request.headers.values()].count(True) == 1


def test_a_push_while_it_is_read_starts_the_reading_over(kind: ForgeKind) -> None:
    story = Story()
    story.say(BOB, "approved")
    plays = simulator(kind, story)
    asked: list[str] = []

    def pushing_once(request: ReceivedRequest) -> list[bytes]:
        asked.append(request.path)
        if len(asked) == 3:
            story.push(AUTHOR, sha("b"))
        return plays(request)

    with forge(kind, pushing_once) as reading:
        facts = reading.read()
    assert facts.head_commit == sha("b")
    assert [review.commit for review in facts.reviews] == [sha("a")]
    assert facts.complete


def test_a_proposal_that_never_holds_still_is_incomplete(kind: ForgeKind) -> None:
    story = Story()
    plays = simulator(kind, story)

    def pushing_always(request: ReceivedRequest) -> list[bytes]:
        story.push(AUTHOR, f"{story.steps:040x}")
        return plays(request)

    with forge(kind, pushing_always) as reading:
        facts = reading.read()
    assert not facts.complete
    assert "changed" in facts.why_incomplete
