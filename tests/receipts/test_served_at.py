"""What served a tenant at a moment, by receipts: an answer where it is known, elsewhere "not known" and the reason."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from interlock.approvals.unattended_key import load_unattended_key
from interlock.receipts.chains import Found, NodeChain, chains_of
from interlock.receipts.journal import Journal, read_segment, segments
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.served_at import Answer, Asked, Known, served_at
from interlock.receipts.witnessed import Witnessed, table_of
from interlock.routing.decision import decide
from support.receipts import NODE, START, Clock, journal_in, served, share, witnessed
from support.signing_keys import SigningKey, make_key


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"), "node")


@dataclass
class Node:
    """A node that writes a receipt each minute; `at(2.5)` is half a minute after the second."""

    directory: Path
    clock: Clock
    journal: Journal
    key: SigningKey

    def chain(self, *more: Path, without: int | None = None) -> NodeChain:
        lines = [
            line
            for directory in (self.directory, *more)
            for _, path in segments(directory)
            for line in read_segment(path).lines
        ]
        found = [Found(line, "") for line in lines if line.receipt.sequence != without]
        keys = NodeKeys.of(None, dt.date(2026, 6, 1), [(NODE, self.key.fingerprint)])
        [chain] = chains_of(found, keys, at(1_000_000))
        return chain

    def asked(self, minutes: float, *, tenant: str = "acme", user: str = "", without: int | None = None) -> Answer:
        return served_at(self.chain(without=without), Asked("bot", at(minutes), tenant, user))

    def again(self) -> None:
        """The agent starts once more."""
        self.journal = journal_in(self.directory, self.clock, key=self.journal.key)


def at(minutes: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(START + 60 * minutes, dt.UTC)


@pytest.fixture
def node(tmp_path: Path, key: SigningKey) -> Node:
    clock, directory = Clock(), tmp_path / "receipts"
    return Node(directory, clock, journal_in(directory, clock, key=load_unattended_key(key.path)), key)


def flips(node: Node, *active: str) -> None:
    for number, one in enumerate(active):
        node.journal.append("flipped" if number else "began", witnessed(bot=one))


def test_the_receipt_that_holds_is_the_last_one_before_the_moment(node: Node) -> None:
    flips(node, "1", "2", "3")
    found = [node.asked(minutes) for minutes in (1.0, 1.9, 2.0, 3.5)]
    assert [answer.served for answer in found] == [served("bot", name) for name in ("1", "1", "2", "3")]
    assert all(answer.is_proven and answer.digest and answer.reason == "alias" for answer in found)
    assert [answer.until for answer in found] == [at(2), at(2), at(3), None]


def test_before_the_first_receipt_nothing_is_known(node: Node) -> None:
    flips(node, "1")
    assert (node.asked(0.5).known, "begin at" in node.asked(0.5).why) == (Known.NOT_KNOWN, True)


def test_a_canary_is_decided_as_the_middleware_decides(node: Node) -> None:
    canary = share("bot", "2", 30.0, ("acme",))
    now = witnessed(bot="1", canaries={"bot": canary})
    node.journal.append("began", now)
    assert (node.asked(1.5).served, node.asked(1.5).reason) == (served("bot", "2"), "canary-tenant")
    table = table_of("production", "bot", now.routes["bot"])
    tenants = [f"tenant-{number}" for number in range(200)]
    chain = node.chain()
    found = {tenant: served_at(chain, Asked("bot", at(1.5), tenant)).served for tenant in tenants}
    assert found == {tenant: decide(table, "bot", tenant).model for tenant in tenants}
    assert 30 < sum(name == served("bot", "2") for name in found.values()) < 90
    users = {served_at(chain, Asked("bot", at(1.5), user=tenant)).served for tenant in tenants}
    assert users == {served("bot", "1"), served("bot", "2")}


def test_a_request_that_names_nobody_draws_by_itself(node: Node) -> None:
    node.journal.append("began", witnessed(bot="1", canaries={"bot": share("bot", "2", 30.0)}))
    answer = node.asked(1.5, tenant="")
    assert (answer.known, answer.served) == (Known.BY_REQUEST, "")


def test_a_receipt_that_is_missing_leaves_the_time_after_it_open(node: Node) -> None:
    for number, revision in enumerate(("1", "2", "3")):
        node.journal.append("flipped" if number else "began", witnessed(bot=revision, sql="1"))
    assert "receipts are missing between" in node.asked(1.5, without=1).why
    assert "receipts are missing between" in node.asked(2.5, without=1).why
    assert node.asked(3.5, without=1).served == served("bot", "3")
    unchanged = served_at(node.chain(without=1), Asked("sql", at(3.5), "acme"))
    assert (unchanged.known, unchanged.why) == (Known.NOT_KNOWN, "receipts are missing before the one that holds")
    node.journal = replace(node.journal, segment_bytes=1)
    node.journal.append("flipped", witnessed(bot="3", sql="1"))
    assert served_at(node.chain(without=1), Asked("sql", at(4.5), "acme")).served == served("sql", "1")


def test_what_nobody_watched_is_known_only_where_the_same_process_went_on(node: Node) -> None:
    flips(node, "1")
    node.again()
    node.journal.append("began", witnessed(bot="1"))
    assert node.asked(1.5).served == served("bot", "1")
    node.again()
    node.journal.append("began", witnessed(bot="1", process="2"))
    assert (node.asked(2.5).known, "nobody watched" in node.asked(2.5).why) == (Known.NOT_KNOWN, True)
    node.again()
    node.journal.append("began", witnessed(bot="2", process="2"))
    assert node.asked(3.5).known is Known.NOT_KNOWN


def test_after_the_agent_ended_nobody_watched(node: Node) -> None:
    flips(node, "1")
    node.journal.append("ended", witnessed(bot="1"))
    assert node.asked(1.5).served == served("bot", "1")
    assert (node.asked(2.5).known, "the agent ended" in node.asked(2.5).why) == (Known.NOT_KNOWN, True)


def test_what_was_seen_until_then_is_known_until_then(node: Node) -> None:
    node.journal.append("began", witnessed(bot="1", sql="1"))
    node.journal.append("found", witnessed(bot="1", sql="1"), since=START + 90)
    lost = replace(witnessed(bot="1", sql="1"), absent=(served("bot", "1"),))
    node.journal.append("observed", lost, since=START + 150)
    chain = node.chain()
    known = [served_at(chain, Asked("bot", at(minutes))).known for minutes in (1.2, 1.7, 2.2, 2.7, 3.2)]
    assert known == [Known.SERVED, Known.NOT_KNOWN, Known.SERVED, Known.NOT_KNOWN, Known.NOTHING]
    assert served_at(chain, Asked("sql", at(2.7))).known is Known.SERVED


def test_a_flip_that_was_recorded_late_leaves_the_time_before_it_open(node: Node) -> None:
    node.journal.append("began", witnessed(bot="1", sql="1"))
    node.journal.append("found", witnessed(bot="2", sql="1"))
    assert (node.asked(1.5).known, "no receipt was written" in node.asked(1.5).why) == (Known.NOT_KNOWN, True)
    assert served_at(node.chain(), Asked("sql", at(1.5), "acme")).known is Known.NOT_KNOWN
    assert node.asked(2.5).served == served("bot", "2")


@pytest.mark.parametrize(
    ("state", "known", "why"),
    [
        (replace(witnessed(bot="1"), absent=(served("bot", "1"),)), Known.NOTHING, "the engine did not have"),
        (replace(witnessed(bot="1"), serving="routing-not-live"), Known.NOTHING, "led nowhere"),
        (replace(witnessed(bot="1"), serving="routing-stale"), Known.NOT_KNOWN, "another table"),
        (replace(witnessed(bot="1"), serving="engine-unreachable"), Known.NOT_KNOWN, "did not answer the agent"),
        (replace(witnessed(bot="1"), serving="unknown"), Known.NOT_KNOWN, "not yet seen"),
        (witnessed(sql="1"), Known.NOTHING, "no route leads"),
    ],
)
def test_an_alias_that_nothing_answers_is_told(node: Node, state: Witnessed, known: Known, why: str) -> None:
    flips(node, "1")
    node.journal.append("observed", state)
    answer = node.asked(2.5)
    assert (answer.known, answer.served) == (known, "" if known is Known.NOTHING else answer.served)
    assert why in answer.why


def test_a_clock_that_goes_back_leaves_the_time_between_open(node: Node) -> None:
    flips(node, "1", "2")
    node.clock.now -= 90
    node.journal.append("flipped", witnessed(bot="3"))
    assert "two receipts hold" in node.asked(1.8).why
    assert node.asked(1.2).served == served("bot", "1")
    assert node.asked(2.5).served == served("bot", "3")


def test_a_node_that_went_on_from_an_older_copy_answers_by_what_it_wrote_then(node: Node, tmp_path: Path) -> None:
    flips(node, "1", "2", "3")
    copy = tmp_path / "copy"
    copy.mkdir()
    [(_, path)] = segments(node.directory)
    (copy / path.name).write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    restored = journal_in(copy, node.clock, key=node.journal.key)
    restored.append("began", witnessed(bot="1", process="9"))
    chain = node.chain(copy)
    assert served_at(chain, Asked("bot", at(4.5), "acme")).served == served("bot", "1")
    assert served_at(chain, Asked("bot", at(2.5), "acme")).served == served("bot", "2")
    assert served_at(chain, Asked("bot", at(3.5), "acme")).known is Known.NOT_KNOWN


def test_two_nodes_under_one_name_leave_open_what_they_do_not_agree_on(node: Node, tmp_path: Path) -> None:
    flips(node, "1")
    other = journal_in(tmp_path / "other", node.clock, key=node.journal.key)
    other.append("began", witnessed(bot="1", sql="1"))
    node.journal.append("flipped", witnessed(bot="2"))
    other.append("flipped", witnessed(bot="3", sql="1"))
    chain = node.chain(tmp_path / "other")
    assert "another chain" in chain.notes[0]
    answer = served_at(chain, Asked("bot", at(4.5), "acme"))
    assert (answer.known, "two receipts hold" in answer.why) == (Known.NOT_KNOWN, True)


def test_what_is_not_signed_is_told_as_not_proven(node: Node, tmp_path: Path) -> None:
    other = replace(node, directory=tmp_path / "unsigned", journal=journal_in(tmp_path / "unsigned", Clock()))
    flips(other, "1", "2")
    assert (other.asked(1.5).served, other.asked(1.5).is_proven) == (served("bot", "1"), False)
    flips(node, "1", "2")
    replace(node.journal, key=None).append("flipped", witnessed(bot="3"))
    assert node.asked(1.5).is_proven
    assert (node.asked(3.5).known, "is not proven" in node.asked(3.5).why) == (Known.NOT_KNOWN, True)
