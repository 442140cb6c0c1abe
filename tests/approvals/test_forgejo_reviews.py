"""What only Forgejo and Gitea say: requests for reviews, hidden pending reviews, deleted accounts."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.approvals.reviews import ProposalFacts
from support.forges.forgejo_simulator import ForgejoSimulator
from support.forges.reading import forge
from support.forges.telling import Story, sha

BOB = 1002


class Altered(ForgejoSimulator):
    """Forgejo with some keys of its reviews replaced."""

    def __init__(self, story: Story, **altered: Any) -> None:
        super().__init__(story)
        self.altered = altered

    def reviews(self) -> list[dict[str, Any]]:
        return [{**review, **self.altered} for review in super().reviews()]


def told(simulator: ForgejoSimulator) -> ProposalFacts:
    with forge("forgejo", simulator) as reading:
        return reading.read()


def approved(times: int = 1) -> Story:
    story = Story()
    for number in range(times):
        story.say(BOB + number, "approved")
    return story


@pytest.mark.parametrize("state", ["REQUEST_REVIEW", "PENDING", ""])
def test_what_is_no_review_is_left_out(state: str) -> None:
    assert told(Altered(approved(), state=state)).reviews == ()


def test_a_request_to_a_team_is_left_out() -> None:
    assert told(Altered(approved(), state="REQUEST_REVIEW", user=None, team={"id": 3, "name": "ml"})).reviews == ()


@pytest.mark.parametrize("account", [-1, -2, 0])
def test_deleted_accounts_and_the_machinery_of_the_forge_are_nobody(account: int) -> None:
    (review,) = told(Altered(approved(), user={"id": account, "login": "Ghost"})).reviews
    assert (review.account, review.kind) == (None, "unknown")


def test_a_stale_review_is_bound_to_its_own_commit() -> None:
    story = approved()
    story.push(BOB, sha("b"))
    (review,) = told(ForgejoSimulator(story)).reviews
    assert (review.state, review.commit) == ("approved", sha("a"))


def test_a_review_without_a_commit_is_for_none() -> None:
    (review,) = told(Altered(approved(), commit_id="")).reviews
    assert review.commit is None


@pytest.mark.parametrize("hidden", [1, 29, 30, 31, 90])
def test_reviews_behind_hidden_ones_are_read(hidden: int) -> None:
    simulator = ForgejoSimulator(approved(times=40))
    simulator.hidden = hidden
    facts = told(simulator)
    assert len(facts.reviews) == 40
    assert facts.complete
