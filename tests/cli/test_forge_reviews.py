"""`interlock forge reviews`: what a person and a program see of a proposal, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interlock.approvals.forges.address import ForgeKind
from support.command_line import Outcome, interlock
from support.forges.github_simulator import GitHubSimulator
from support.forges.reading import KINDS, TOKEN, Reading, forge, simulator
from support.forges.telling import Story, sha
from support.scripted_engine import answer

BOB, CAROL, DAVE = 1002, 1003, 1004
VARIABLES = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "forgejo": "FORGEJO_TOKEN"}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERLOCK_FORGE_TOKEN_FILE", raising=False)
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, TOKEN)


@pytest.fixture(params=KINDS)
def reading(request: Any) -> Iterator[Reading]:
    story = Story()
    story.say(BOB, "approved")
    story.say(CAROL, "approved")
    story.take_back(CAROL)
    story.push(DAVE, sha("b"))
    story.say(DAVE, "approved")
    kind: ForgeKind = request.param
    with forge(kind, simulator(kind, story)) as reading:
        yield reading


def shown(reading: Reading, *words: str) -> Outcome:
    return interlock("forge", "reviews", str(reading.address), *words)


def test_a_person_sees_who_says_yes_to_the_head_and_why_others_do_not(reading: Reading) -> None:
    outcome = shown(reading)
    assert outcome.status == 0, outcome.err
    kind = "unknown" if reading.kind == "forgejo" else "human"
    assert f"  yes  user1004 (1004, {kind}): approved\n" in outcome.out
    assert f"  no   user1002 (1002, {kind}): approved – for aaaaaaaaaaaa, and the head is bbbbbbbbbbbb\n" in outcome.out
    assert f"  no   user1003 (1003, {kind}): dismissed – dismissed or taken back\n" in outcome.out
    assert TOKEN not in outcome.out + outcome.err


def test_a_program_gets_the_same(reading: Reading) -> None:
    document = shown(reading, "--json").document
    assert document["schema"] == "interlock-forge-reviews/1"
    assert document["head_commit"] == sha("b")
    assert document["complete"] is True
    assert [(r["account"], r["silent_because"]) for r in document["reviews"] if r["speaks"]][-1] == (DAVE, "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_could_not_evaluate(kind: ForgeKind, status: int) -> None:
    with forge(kind, lambda _: [answer(b"<html>", status=status)]) as reading:
        outcome = shown(reading)
    assert outcome.status == 4
    assert f"the forge answered {status}" in outcome.err
    assert VARIABLES[kind] in outcome.err
    assert TOKEN not in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("kind", KINDS)
def test_html_is_could_not_evaluate(kind: ForgeKind) -> None:
    with forge(kind, lambda _: [answer(b"<html>Sign in</html>")]) as reading:
        outcome = shown(reading)
    assert outcome.status == 4
    assert "no JSON" in outcome.err


def test_a_proposal_that_does_not_hold_still_is_could_not_evaluate() -> None:
    story = Story()
    plays = simulator("github", story)

    def moving(request: Any) -> list[bytes]:
        story.push(BOB, f"{story.steps:040x}")
        return plays(request)

    with forge("github", moving) as reading:
        outcome = shown(reading)
    assert outcome.status == 4
    assert "NOT COMPLETE: it changed during each of 3 readings" in outcome.out


@pytest.mark.parametrize("address", ["github:acme", "nowhere:a/b#1", "github:acme/adapters", "forgejo:acme/adapters#1"])
def test_an_address_that_is_none_is_wrong_use(address: str) -> None:
    assert interlock("forge", "reviews", address).status == 2


def test_what_a_forge_says_cannot_write_on_the_terminal() -> None:
    story = Story()
    story.say(BOB, "approved")

    class Evil(GitHubSimulator):
        def reviews(self) -> list[dict[str, Any]]:
            return [
                {**review, "user": {"id": BOB, "login": "u\x1b[2J\n02", "type": "User"}} for review in super().reviews()
            ]

    with forge("github", Evil(story)) as reading:
        outcome = shown(reading)
    assert outcome.status == 0, outcome.err
    assert "\x1b" not in outcome.out
    assert "u\\x1b[2J\\n02" in outcome.out
