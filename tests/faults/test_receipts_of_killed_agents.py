"""kill -9 around flips: the receipts are still one chain, end with what serves, and tell nothing that nobody saw."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from interlock.receipts.chains import Found, NodeChain, chains_of
from interlock.receipts.journal import read_segment, segments
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.receipt import Receipt
from interlock.receipts.served_at import Asked, Known, served_at
from interlock.routing.table import RouteTable
from support.fault_node import FaultNode, restore, take_snapshot

pytestmark = pytest.mark.faults


def receipts_of(node: FaultNode) -> list[Receipt]:
    found = [line for _, path in segments(node.state / "receipts") for line in read_segment(path).lines]
    return [line.receipt for line in found]


def chain_of(node: FaultNode) -> NodeChain:
    lines = [line for _, path in segments(node.state / "receipts") for line in read_segment(path).lines]
    now = dt.datetime.now(dt.UTC)
    [chain] = chains_of([Found(line, "") for line in lines], NodeKeys.of(None, now.date()), now)
    return chain


def fits(node: FaultNode) -> None:
    """The receipts are one chain, and the last one is about the table that serves."""
    chain, last = chain_of(node), receipts_of(node)[-1]
    assert chain.wrong == ()
    assert last.table == RouteTable.from_json(node.routes.read_bytes()).digest
    assert last.serving == "yes"


def test_receipts_of_an_agent_that_was_killed_are_gone_on_from(node: FaultNode, tmp_path: Path) -> None:
    first, second = list(node.stages.values())[:2]
    node.move(first.commit)
    assert node.run().kind == "Done"
    fits(node)
    before = take_snapshot(node, tmp_path / "before")
    node.move(second.commit)
    moments = node.run().moments
    fits(node)
    for occurrence in range(1, moments.count("flip:after") + 1):
        restore(node, before)
        assert node.run(moment="flip:after", occurrence=occurrence).killed
        left = receipts_of(node)
        assert node.run().kind == "Done"
        fits(node)
        _told_only_what_was_seen(node, left[-1])


def _told_only_what_was_seen(node: FaultNode, last: Receipt) -> None:
    """An alias that has moved when the next agent looks is not known right after the last receipt of the killed one."""
    chain = chain_of(node)
    began = next(one for one in receipts_of(node) if one.sequence == last.sequence + 1)
    assert began.event == "began"
    held = chain.state_after(next(r for r in chain.records.values() if r.receipt == last))[0]
    for alias, route in held.routes.items():
        answer = served_at(chain, Asked(alias, last.time, "acme"))
        after = served_at(chain, Asked(alias, began.time, "acme"))
        assert after.known is Known.SERVED
        assert answer.known is (Known.SERVED if after.route == route else Known.NOT_KNOWN), answer


def test_a_line_that_breaks_off_is_told_and_gone_on_from(node: FaultNode) -> None:
    first, second = list(node.stages.values())[:2]
    node.move(first.commit)
    node.run()
    [(_, path)] = segments(node.state / "receipts")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:77])
    node.move(second.commit)
    assert node.run().kind == "Done"
    fits(node)
    began = next(one for one in receipts_of(node) if one.damaged)
    assert (began.event, began.damaged[0].size) == ("began", 77)
    assert path.read_bytes()[len(whole) :] == whole[:77]
