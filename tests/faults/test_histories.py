"""A remote that misleads: old refs, rewritten branches, commits that nobody signed, many changes at once, wrong clocks.

Every time either what git says in the end is served, or the node stays where it is and gives the true reason.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator

import pytest

from interlock.demo.people import APPROVERS, DEVELOPER, introduce_people
from support.after_faults import all_holds, nobody_was_failed, nothing_is_left_over, receipts_hold, serves
from support.agent_processes import AgentStarter, Ending
from support.fault_engine import FaultEngine
from support.fault_node import CANARY, Expected, FaultNode, Stage, plain_production, restore
from support.serving_node import ENVIRONMENT, serving_node
from support.steady_requests import SteadyRequests

pytestmark = pytest.mark.faults

DAY = 86400.0
Revisions = Collection[tuple[str, str]]


def stays(node: FaultNode, stage: Stage, ending: Ending, clients: SteadyRequests, *words: str) -> None:
    """The agent says with these words that it stays at the stage, and everything is as it was there."""
    assert ending.kind == "Stalled", ending.told
    for word in words:
        assert word in ending.why, ending.told
    serves(node, stage.expected)
    nobody_was_failed(node, clients, stage.expected.serves.items())
    nothing_is_left_over(node)
    receipts_hold(node)
    status = node.serving.node.status()
    assert status
    assert (status.commits.accepted, status.condition("Ready").status) == (stage.commit, "False")
    assert words[0] in status.condition("Stalled").message


def test_a_forge_that_serves_an_old_ref_again_is_called_that_and_followed_once_it_is_back(serving: FaultNode) -> None:
    new = serving.promoted(serving.first.commit, "2")
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        all_holds(serving, new, serving.run())
        serving.move(serving.first.commit)
        ending = serving.run()
        assert ending.kind == "Stalled"
        assert f"no longer contains {new.commit[:12]}, the last accepted commit" in ending.why
        serves(serving, new.expected)
        serving.move(new.commit)
        ending = serving.run()
    all_holds(serving, new, ending, clients, [("support-bot", "1")])


def test_a_force_push_is_refused_and_a_restored_branch_goes_on(serving: FaultNode) -> None:
    new, other = serving.promoted(serving.first.commit, "2"), serving.promoted(serving.first.commit, "3")
    serving.move(new.commit)
    all_holds(serving, new, serving.run())
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(other.commit)
        stays(serving, new, serving.run(), clients, "no longer contains", new.commit[:12])
        later = serving.promoted(new.commit, "3")
        serving.move(later.commit)
        ending = serving.run()
    loaded = frozenset({("support-bot", "2"), ("support-bot", "3"), ("sql-helper", "1")})
    stage = Stage("", later.commit, Expected(later.expected.serves, loaded))
    all_holds(serving, stage, ending, clients, [("support-bot", "2")])


def test_a_remote_that_lost_its_branch_changes_nothing(serving: FaultNode) -> None:
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.lose_branch()
        ending = serving.run()
        stays(serving, serving.first, ending, clients, "has no branch main")
        serving.move(serving.first.commit)
        ending = serving.run()
    all_holds(serving, serving.first, ending, clients)


def test_two_promotions_in_one_poll_end_at_the_last_one(serving: FaultNode) -> None:
    second = serving.promoted(serving.first.commit, "2")
    third = serving.promoted(second.commit, "3")
    loaded = frozenset({("support-bot", "2"), ("support-bot", "3"), ("sql-helper", "1")})
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(third.commit)
        ending = serving.run()
    stage = Stage("", third.commit, Expected(third.expected.serves, loaded))
    all_holds(serving, stage, ending, clients, [("support-bot", "1")])


def test_a_revert_during_a_canary_takes_the_canary_away(serving: FaultNode) -> None:
    canary = serving.promoted(serving.first.commit, "1", CANARY)
    back = serving.promoted(canary.commit, "1")
    loaded = frozenset({("support-bot", "1"), ("sql-helper", "1")})
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(canary.commit)
        killed = serving.run(moment="flip:after")
        assert killed.killed
        serving.move(back.commit)
        ending = serving.run()
    all_holds(serving, Stage("", back.commit, Expected(back.expected.serves, loaded)), ending, clients)


def test_there_and_back_and_there_again_follows_every_commit(serving: FaultNode) -> None:
    at, allowed = serving.first.commit, [("support-bot", "1"), ("support-bot", "2")]
    with serving.clients("support-bot", "sql-helper") as clients:
        for revision in ("2", "1", "2"):
            stage = serving.promoted(at, revision)
            loaded = frozenset({("support-bot", "1"), ("support-bot", "2"), ("sql-helper", "1")})
            serving.move(stage.commit)
            ending = serving.run()
            at = stage.commit
            all_holds(serving, Stage("", at, Expected(stage.expected.serves, loaded)), ending, clients, allowed)


@pytest.mark.parametrize("days", [-1, 1], ids=["a day behind", "a day ahead"])
def test_a_clock_that_is_a_day_off_changes_nothing(serving: FaultNode, days: int) -> None:
    new = serving.promoted(serving.first.commit, "2")
    with serving.clients("support-bot", "sql-helper") as clients:
        serving.move(new.commit)
        ending = serving.run(wall_ahead=days * DAY)
        all_holds(serving, new, ending, clients, [("support-bot", "1")])
        ending = serving.run()  # and one that is set right again goes on
    all_holds(serving, new, ending, clients, [("support-bot", "1")])
    status = serving.serving.node.status()
    assert status
    assert status.last_poll
    assert abs(status.last_poll - time.time()) < 600


@pytest.fixture(scope="module")
def signed_story(
    tmp_path_factory: pytest.TempPathFactory, starter: AgentStarter, engine: FaultEngine
) -> Iterator[FaultNode]:
    """A node that demands a signature of somebody in the roster, at the commit that it pinned."""
    with serving_node(tmp_path_factory.mktemp("signed"), change=plain_production) as serving:
        people = introduce_people(serving.scratch, ENVIRONMENT, "support-bot", "embedded")
        loaded = frozenset({("support-bot", "1"), ("sql-helper", "1")})
        first = Stage("first", people.root, Expected({"support-bot": "1", "sql-helper": "1"}, loaded))
        trust = {"root": {"commit": people.root}, "require": {"signatures": True, "approval": "none"}}
        serving.stand_before(engine.url, engine.routes, engine.admin_token)
        yield FaultNode(serving, engine, starter, {"first": first}, trust)


@pytest.fixture
def signed(signed_story: FaultNode) -> FaultNode:
    """The node, which serves the first commit."""
    node = signed_story
    if not node.engine.pid:
        node.engine.start()
    node.configure()
    restore(node, None)
    node.move(node.first.commit)
    all_holds(node, node.first, node.run())
    return node


def test_an_unsigned_commit_in_the_middle_is_named_and_nothing_after_it_is_followed(signed: FaultNode) -> None:
    unsigned = signed.promoted(signed.first.commit, "2", signer="")
    after = signed.promoted(unsigned.commit, "3")
    with signed.clients("support-bot", "sql-helper") as clients:
        signed.move(after.commit)
        stays(signed, signed.first, signed.run(), clients, unsigned.commit[:12], "is not signed by anybody")
    status = signed.serving.node.status()
    assert status
    assert status.condition("SourceVerified").reason == "Unsigned"


def test_a_key_that_was_revoked_signs_nothing_any_more(signed: FaultNode) -> None:
    roster = signed.serving.scratch.clone / "policies" / "roster.yaml"

    def revoke() -> None:
        document = json.loads(roster.read_text(encoding="utf-8"))
        developer = next(person for person in document["people"] if person["login"] == DEVELOPER)
        developer["keys"] = [{"key": key, "revoked": "2026-11-01"} for key in developer["keys"]]
        roster.write_text(json.dumps(document), encoding="utf-8")

    revoked = signed.commit(signed.first.commit, revoke, signer=APPROVERS[0])
    stolen = signed.promoted(revoked, "2")
    with signed.clients("support-bot", "sql-helper") as clients:
        signed.move(stolen.commit)
        ending = signed.run()
        stays(signed, signed.first, ending, clients, stolen.commit[:12], "was revoked on 2026-11-01")
        signed.move(revoked)
        ending = signed.run()
    all_holds(signed, Stage("", revoked, signed.first.expected), ending, clients)
