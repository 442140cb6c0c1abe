"""The agent writes down what it serves: each flip, what changed without one, and what it could not write at once."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.engines.address import EngineAddress
from interlock.engines.registry import open_engine
from interlock.errors import EngineUnreachable
from interlock.receipts.chains import Found, NodeChain, chains_of
from interlock.receipts.journal import read_segment, segments
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.push.loop import ENOUGH_FAILURES, Pusher
from interlock.receipts.push.to_directory import ToDirectory
from interlock.receipts.receipt import EngineSeen, Receipt
from interlock.receipts.served_at import Asked, Known, served_at
from interlock.routing.table import Canary, Route, RouteTable
from interlock.sync.agent import Agent
from interlock.sync.outcome import Done
from interlock.sync.plan import Observed
from interlock.sync.receipt_places import pushers_of
from interlock.sync.receipts import Receipts, serving_of
from interlock.sync.report import Trouble
from interlock.sync.settings import load_settings
from support.command_line import interlock
from support.desired_states import COMMIT, alias, desired, served
from support.receipts import Clock, journal_in
from support.serving_node import ServingNode
from support.signing_keys import make_key

WANTED = desired(alias("bot", "2"), alias("sql", "1"))


def receipts_of(node: ServingNode) -> Path:
    return node.node.directory / "state" / "receipts"


def receipts_in(directory: Path) -> list[Receipt]:
    return [line.receipt for _, path in segments(directory) for line in read_segment(path).lines]


def chain_in(directory: Path, *fingerprints: str) -> NodeChain:
    lines = [Found(line, "") for _, path in segments(directory) for line in read_segment(path).lines]
    keys = NodeKeys.of(None, dt.date(2026, 6, 1), [(lines[0].line.receipt.node, one) for one in fingerprints])
    [chain] = chains_of(lines, keys, dt.datetime.now(dt.UTC))
    return chain


class Killed(BaseException):
    """Nothing in the agent catches it, as nothing catches a kill."""


def test_each_flip_of_a_real_engine_is_signed_and_an_auditor_learns_from_it_what_served(
    node: ServingNode, tmp_path: Path
) -> None:
    key = make_key(tmp_path, "node-key")
    text, url = node.node.settings.read_text(), node.scratch.remote_url
    node.node.settings.write_text(f"{text}\nreceipts: {{key_file: {key.path}, push: [{{git: {url}}}]}}\n")
    agent = Agent(load_settings(node.node.settings), clock=node.clock)
    assert agent.run_once() == Done()
    node.point("support-bot", "2")
    commit = node.push("promote")
    assert agent.run_once() == Done()
    agent.close()
    assert pushers_of(load_settings(node.node.settings))[0].push()
    found = receipts_in(receipts_of(node))
    events = [one.event for one in found]
    assert (events[0], events[-2:], set(events[1:-2])) == ("began", ["flipped", "ended"], {"flipped", "observed"})
    flipped = found[-2]
    assert flipped.commit == commit
    assert flipped.routes["support-bot"].active.served == node.served("support-bot", "2")
    assert (flipped.engine.kind, bool(flipped.engine.process)) == ("embedded", True)
    chain = chain_in(receipts_of(node), key.fingerprint)
    assert (chain.wrong, all(record.vouched for record in chain.records.values())) == ((), True)
    assert agent.status
    assert agent.status.condition("Recorded").reason == "Signed"
    refs = "refs/interlock/receipts/*:refs/interlock/receipts/*"
    node.scratch.git("fetch", "--quiet", "origin", refs)
    key_of_node = f"{flipped.node}={key.public_path}"
    words = ("--at", flipped.time.isoformat(), "--alias", "support-bot", "--tenant", "acme", "--node-key", key_of_node)
    told = interlock("audit", "-C", node.scratch.clone, "--served", "--format", "json", *words)
    assert told.status == 0, told.out
    [row] = told.document["served"]
    assert (row["served"], row["decided_by"]["commit"]) == (node.served("support-bot", "2"), commit)


def test_an_agent_that_is_killed_between_flip_and_receipt_leaves_that_time_open(node: ServingNode) -> None:
    node.agent().run_once()
    node.point("support-bot", "2")
    node.push("promote")

    new = f'"active": "{node.served("support-bot", "2")}"'

    def killer(moment: str) -> None:
        if moment == "flip:after" and new in node.node.routes.read_text():
            raise Killed

    assert node.engine
    driver = open_engine("embedded", EngineAddress(node.engine.url, admin_token=node.node.admin_token))
    with closing(driver), pytest.raises(Killed):
        Agent(load_settings(node.node.settings), clock=node.clock, moments=killer, driver=driver).run_once()
    directory = receipts_of(node)
    before = receipts_in(directory)[-1].time
    assert node.agent().run_once() == Done()
    *_, began = (one for one in receipts_in(directory) if one.event == "began")
    answer = served_at(chain_in(directory), Asked("support-bot", before, "acme"))
    assert (answer.known, "nobody watched" in answer.why) == (Known.NOT_KNOWN, True)
    assert served_at(chain_in(directory), Asked("support-bot", began.time, "acme")).known is Known.SERVED


def test_a_flip_goes_ahead_where_no_receipt_can_be_written_and_is_recorded_later(node: ServingNode) -> None:
    directory = receipts_of(node)
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.write_text("in the way")
    agent = node.agent()
    assert agent.run_once() == Done()
    assert node.ask("support-bot").revision == node.served("support-bot", "1")
    assert agent.status
    assert agent.status.condition("Recorded").reason == "NotWritten"
    directory.unlink()
    assert agent.turn() == Done()
    [found] = receipts_in(directory)
    assert found.routes["support-bot"].active.served == node.served("support-bot", "1")
    assert agent.status.condition("Recorded").reason == "Unsigned"
    before = {path: path.stat().st_mtime_ns for path in directory.iterdir()}
    assert agent.turn() == Done()  # and a turn that changes nothing writes nothing
    assert {path: path.stat().st_mtime_ns for path in directory.iterdir()} == before


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "receipts"


def seen() -> EngineSeen:
    return EngineSeen(kind="vllm", version="0.32.0", base="tiny", process="1")


def observed(*loaded: str, bot: str = "2") -> Observed:
    names = frozenset({served("bot", bot), served("sql", "1")})
    routes = {"bot": Route(served("bot", bot)), "sql": Route(served("sql", "1"))}
    table = RouteTable("dev", COMMIT, frozenset({"tiny"}), names, routes)
    return Observed({name: f"/store/{name}" for name in loaded}, ("tiny",), table)


BOTH = (served("bot", "2"), served("sql", "1"))


def test_what_the_engine_forgot_is_recorded_and_so_is_that_it_is_back(directory: Path) -> None:
    receipts = Receipts(journal_in(directory, Clock()), seen)
    for state in (BOTH, BOTH, (), BOTH[:1], BOTH, BOTH):
        receipts.observed(observed(*state), WANTED, "yes")
    found = receipts_in(directory)
    assert [one.event for one in found] == ["began", "observed", "observed", "observed"]
    assert [one.absent for one in found] == [(), BOTH, BOTH[1:], ()]


def test_an_engine_that_does_not_answer_is_recorded_once(directory: Path) -> None:
    def gone() -> EngineSeen:
        raise EngineUnreachable("no answer")

    receipts = Receipts(journal_in(directory, Clock()), gone)
    receipts.unreachable()
    assert receipts_in(directory) == []
    receipts.observed(observed(*BOTH), WANTED, "yes")
    receipts.unreachable()
    receipts.unreachable()
    receipts.observed(observed(), WANTED)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    found = receipts_in(directory)
    assert [one.serving for one in found] == ["yes", "engine-unreachable", "yes"]
    assert found[0].engine == EngineSeen()


def test_a_table_that_somebody_else_replaced_is_recorded_as_found(directory: Path) -> None:
    receipts = Receipts(journal_in(directory, Clock()), seen)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    table = observed(bot="1").table
    assert table
    receipts.flipped(table, WANTED)
    receipts.observed(observed(*BOTH, served("bot", "1")), WANTED, "yes")
    found = receipts_in(directory)
    assert [one.event for one in found] == ["began", "flipped", "found"]
    assert found[1].routes["bot"].active.digest is None
    assert found[2].routes["bot"].active.digest == str(WANTED.targets[served("bot", "2")].artifact.digest)


def test_a_flip_that_was_not_written_is_told_even_if_it_was_taken_back(directory: Path) -> None:
    receipts = Receipts(journal_in(directory, Clock()), seen)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    receipts.observed(observed(*BOTH), WANTED, "yes")
    other, kept = observed(bot="1").table, directory.with_name("kept")
    assert other
    directory.rename(kept)
    directory.write_text("in the way")
    receipts.flipped(other, WANTED)
    receipts.observed(observed(*BOTH, served("bot", "1"), bot="1"), WANTED, "yes")
    assert receipts.condition
    assert receipts.condition.reason == "NotWritten"
    directory.unlink()
    kept.rename(directory)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    first, found = receipts_in(directory)
    assert (found.event, found.routes, found.routes_digest) == ("found", {}, first.routes_digest)
    assert found.since
    assert first.time < found.since < found.time
    assert receipts.condition.status == "True"


def test_a_place_that_takes_nothing_is_told_in_the_status(directory: Path, tmp_path: Path) -> None:
    place = tmp_path / "not-mounted"
    pusher = Pusher(ToDirectory(place), directory, tmp_path / "marks", pause=0.0)
    receipts = Receipts(journal_in(directory, Clock()), seen, pushers=[pusher])
    receipts.observed(observed(*BOTH), WANTED, "yes")
    pusher.close(20)
    for _ in range(ENOUGH_FAILURES):
        pusher.push()
    assert receipts.condition
    assert (receipts.condition.status, receipts.condition.reason) == ("False", "NotPushed")
    assert "there is no directory" in receipts.condition.message
    place.mkdir()
    pusher.push()
    assert receipts.condition.status == "True"


def test_what_does_not_change_is_confirmed_as_often_as_the_settings_say(directory: Path) -> None:
    clock = Clock(step=0.0)
    receipts = Receipts(journal_in(directory, clock), seen, confirm=600.0)
    for _ in range(5):
        receipts.observed(observed(*BOTH), WANTED, "yes")
        clock.now += 250
    first, second = receipts_in(directory)
    assert (second.event, second.routes, second.since) == ("observed", {}, second.time)
    assert (second.time - first.time).total_seconds() == 750


def test_what_has_no_place_in_a_receipt_holds_nothing_up(directory: Path) -> None:
    receipts = Receipts(journal_in(directory, Clock()), seen)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    table = observed(*BOTH).table
    assert table
    strange = Canary(served("bot", "2"), 1.0, frozenset({"\ud800"}))
    receipts.flipped(replace(table, routes={"bot": Route(served("bot", "2"), strange)}), WANTED)
    assert receipts.condition
    assert receipts.condition.reason == "NotWritten"
    receipts.observed(observed(*BOTH), WANTED, "yes")
    assert [one.event for one in receipts_in(directory)] == ["began", "found"]


def test_what_a_trouble_with_routing_means(directory: Path) -> None:
    kinds = ("RoutingNotLive", "RoutingStale", "EngineUnreachable")
    assert [serving_of(Trouble(kind, "")) for kind in kinds] == [
        "routing-not-live",
        "routing-stale",
        "engine-unreachable",
    ]
    receipts = Receipts(journal_in(directory, Clock()), seen, lists=False)
    receipts.observed(observed(), WANTED, serving_of(None))
    assert (receipts_in(directory)[0].serving, receipts_in(directory)[0].absent) == ("yes", ())


def test_everything_that_is_written_is_announced(directory: Path) -> None:
    moments: list[str] = []
    receipts = Receipts(journal_in(directory, Clock()), seen, moments.append)
    receipts.observed(observed(*BOTH), WANTED, "yes")
    receipts.ended()
    assert moments == ["receipt:before", "receipt:after"] * 2
