"""Reviews on a forge and signed statements count together, over real HTTP; `attest` and `check` ask for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interlock.approvals.forges.address import ForgeKind
from support.command_line import Outcome, interlock
from support.forges.reading import KINDS, simulator
from support.forges.telling import AUTHOR, NUMBER, PATH, Pushed, Story
from support.scripted_engine import scripted_engine
from support.workshop import How, Workshop

BOB, CAROL, STRANGER = 1002, 1003, 4711


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


def story_of(workshop: Workshop, *accounts: int) -> Story:
    """The pull request of the branch, approved by these accounts."""
    story = Story(pushes=[Pushed(AUTHOR, workshop.git("rev-parse", "promote"), 0)])
    for account in accounts:
        story.say(account, "approved")
    return story


@contextmanager
def asked(story: Story, kind: ForgeKind = "forgejo") -> Iterator[str]:
    """A running forge that tells the story; yields the address of the pull request."""
    with scripted_engine(simulator(kind, story)) as server:
        yield f"{kind}:{server.url}/{PATH}#{NUMBER}"


def attest(workshop: Workshop, story: Story, kind: ForgeKind = "forgejo") -> Outcome:
    with asked(story, kind) as address:
        return workshop.attest("HEAD", "--forge", address)


def check(workshop: Workshop, story: Story) -> Outcome:
    with asked(story) as address:
        root = workshop.repository.root
        return interlock("check", root, "--base", "main", "--head", "promote", "--forge", address)


@pytest.mark.parametrize("kind", KINDS)
def test_two_reviews_are_enough_on_every_forge(workshop: Workshop, kind: ForgeKind) -> None:
    story = story_of(workshop, BOB, CAROL)
    story.merged = workshop.merge("promote", "squash")
    outcome = attest(workshop, story, kind)
    assert outcome.status == 0, outcome.out + outcome.err
    (attested,) = workshop.gathered(workshop.merged(story.merged)).attestations
    assert {one.login for one in attested.attestation.approvers} == {"bob", "carol"}
    assert f"{kind}:{NUMBER}" in attested.attestation.inputs


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_a_review_and_a_statement_count_together_however_it_is_merged(workshop: Workshop, how: How) -> None:
    assert workshop.approve("carol", "main..promote").status == 0
    story = story_of(workshop, BOB)
    story.merged = workshop.merge("promote", how)
    outcome = attest(workshop, story)
    assert outcome.status == 0, outcome.out + outcome.err


def test_one_person_in_both_ways_is_one_person(workshop: Workshop) -> None:
    assert workshop.approve("bob", "main..promote").status == 0
    outcome = check(workshop, story_of(workshop, BOB))
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out


@pytest.mark.parametrize("accounts", [(BOB,), (BOB, STRANGER), (BOB, AUTHOR), ()])
def test_too_few_reviews_are_refused(workshop: Workshop, accounts: tuple[int, ...]) -> None:
    outcome = check(workshop, story_of(workshop, *accounts))
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out


def test_reviews_of_an_earlier_commit_are_none_of_the_merged_one(workshop: Workshop) -> None:
    story = story_of(workshop, BOB, CAROL)
    story.push(AUTHOR, "e" * 40)
    outcome = check(workshop, story)
    assert outcome.status == 1
    assert "it was given for commit" in outcome.out


def test_reviews_of_another_pull_request_do_not_count(workshop: Workshop) -> None:
    story = story_of(workshop, BOB, CAROL)
    workshop.merge("promote", "squash")
    story.merged = "e" * 40
    outcome = attest(workshop, story)
    assert outcome.status == 1
    assert "[approvals-missing]" in outcome.out


def test_enough_reviews_pass_a_check_of_the_pull_request(workshop: Workshop) -> None:
    outcome = check(workshop, story_of(workshop, BOB, CAROL))
    assert outcome.status == 0, outcome.out
