"""What only GitHub says: deleted accounts, bots, pending reviews, and the activity that tells who pushed."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.approvals.reviews import ProposalFacts
from interlock.errors import ForgeMisbehaved
from support.forges.github_simulator import GitHubSimulator, user
from support.forges.reading import forge
from support.forges.telling import AUTHOR, Story, sha

BOB = 1002


class Altered(GitHubSimulator):
    """GitHub with some keys of its answers replaced."""

    def __init__(self, story: Story, **altered: Any) -> None:
        super().__init__(story)
        self.altered = altered

    def reviews(self) -> list[dict[str, Any]]:
        return [{**review, **self.altered.get("review", {})} for review in super().reviews()]

    def pull_request(self) -> dict[str, Any]:
        return {**super().pull_request(), **self.altered.get("pull_request", {})}

    def activity(self) -> list[dict[str, Any]]:
        found = [{**entry, **self.altered.get("activity", {})} for entry in super().activity()]
        return found[: self.altered.get("activity_until", len(found))]


def told(simulator: GitHubSimulator) -> ProposalFacts:
    with forge("github", simulator) as reading:
        return reading.read()


def approved() -> Story:
    story = Story()
    story.say(BOB, "approved")
    return story


def test_a_review_of_a_deleted_account_names_nobody() -> None:
    (review,) = told(Altered(approved(), review={"user": None})).reviews
    assert (review.account, review.login, review.kind, review.state) == (None, None, "unknown", "approved")


def test_a_review_without_a_commit_is_for_none() -> None:
    (review,) = told(Altered(approved(), review={"commit_id": None})).reviews
    assert review.commit is None


@pytest.mark.parametrize(
    "kind", [("User", "human"), ("Bot", "bot"), ("Organization", "unknown"), ("Mannequin", "unknown")]
)
def test_bypass_15_a_bot_is_told_from_a_person(kind: tuple[str, str]) -> None:
    (review,) = told(Altered(approved(), review={"user": user(BOB, kind[0])})).reviews
    assert review.kind == kind[1]


def test_a_review_that_was_not_sent_yet_is_none() -> None:
    assert told(Altered(approved(), review={"state": "PENDING", "submitted_at": None})).reviews == ()


def test_a_state_that_nobody_knows_is_no_approval() -> None:
    with pytest.raises(ForgeMisbehaved, match=r"state is not as the API documents it"):
        told(Altered(approved(), review={"state": "APPROVED_WITH_WISHES"}))


@pytest.mark.parametrize("commit", ["a" * 39, "A" * 40, "main", "a" * 40 + "\n"])
def test_a_commit_that_is_none_is_misbehaviour(commit: str) -> None:
    with pytest.raises(ForgeMisbehaved, match=r"commit_id"):
        told(Altered(approved(), review={"commit_id": commit}))


@pytest.mark.parametrize("account", [0, -1, True, 1.5, "1002", 2**70])
def test_an_account_that_is_no_number_is_misbehaviour(account: object) -> None:
    with pytest.raises(ForgeMisbehaved, match=r"user\.id"):
        told(Altered(approved(), review={"user": {"id": account, "login": "bob", "type": "User"}}))


def test_a_proposal_of_a_deleted_account_has_no_author() -> None:
    assert told(Altered(Story(), pull_request={"user": None})).author_account is None


def test_the_commit_of_a_test_merge_is_not_the_merged_commit() -> None:
    assert told(Altered(Story(), pull_request={"merge_commit_sha": sha("e")})).merged_commit is None


def test_every_pusher_is_known_back_to_the_making_of_the_branch() -> None:
    story = Story()
    story.push(BOB, sha("b"))
    facts = told(GitHubSimulator(story))
    assert facts.pushers == (BOB, AUTHOR)
    assert facts.pushers_known


@pytest.mark.parametrize("status", [403, 404])
def test_pushers_are_unknown_where_the_activity_cannot_be_read(status: int) -> None:
    simulator = GitHubSimulator(approved())
    simulator.activity_status = status
    facts = told(simulator)
    assert facts.complete
    assert (facts.pushers, facts.pushers_known) == ((), False)
    assert str(status) in facts.why_pushers_unknown


def test_pushers_are_unknown_where_the_branch_is_gone() -> None:
    head = {"label": "gone:promote", "ref": "promote", "sha": sha("a"), "user": None, "repo": None}
    facts = told(Altered(Story(), pull_request={"head": head}))
    assert not facts.pushers_known
    assert "gone" in facts.why_pushers_unknown


def test_pushers_are_unknown_where_the_activity_does_not_reach_back() -> None:
    story = Story()
    story.push(BOB, sha("b"))
    facts = told(Altered(story, activity_until=1))
    assert (facts.pushers, facts.pushers_known) == ((BOB,), False)


def test_pushers_are_unknown_where_one_was_deleted() -> None:
    facts = told(Altered(Story(), activity={"actor": None}))
    assert (facts.pushers, facts.pushers_known) == ((), False)


def test_pushers_are_unknown_where_the_head_is_not_in_the_activity() -> None:
    facts = told(Altered(Story(), activity={"after": sha("c")}))
    assert not facts.pushers_known
