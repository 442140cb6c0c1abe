"""What can be seen of receipts that somebody changed, took away, moved or made: from the lines alone, in any order."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from interlock.approvals.unattended_key import UnattendedKey, load_unattended_key
from interlock.documents.canonical_json import canonical_json
from interlock.documents.kinds.roster import Key, Machine, Roster
from interlock.receipts.chains import Found, NodeChain, chains_of
from interlock.receipts.journal import Journal, read_segment, segments
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.receipt import Line, read_line, to_line
from support.receipts import NODE, START, Clock, journal_in, witnessed
from support.signing_keys import SigningKey, make_key

NOW = dt.datetime.fromtimestamp(START + 30 * 86400, dt.UTC)
TODAY = NOW.date()


@dataclass
class Written:
    """A node with a key and five receipts."""

    directory: Path
    key: SigningKey
    clock: Clock
    journal: Journal

    @property
    def lines(self) -> list[Line]:
        return lines_of(self.directory)


def lines_of(directory: Path) -> list[Line]:
    return [line for _, path in segments(directory) for line in read_segment(path).lines]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SigningKey]:
    directory = tmp_path_factory.mktemp("keys")
    return {name: make_key(directory, name) for name in ("node", "other")}


def unattended(key: SigningKey) -> UnattendedKey:
    return load_unattended_key(key.path)


@pytest.fixture
def node(tmp_path: Path, keys: dict[str, SigningKey]) -> Written:
    clock = Clock()
    journal = journal_in(tmp_path / "receipts", clock, key=unattended(keys["node"]))
    for number in range(5):
        journal.append("flipped" if number else "began", witnessed(bot=str(number)))
    return Written(tmp_path / "receipts", keys["node"], clock, journal)


def roster(*machines: Machine) -> Roster:
    return Roster(kind="Roster", machines=machines)


def node_machine(key: SigningKey, name: str = NODE, revoked: dt.date | None = None) -> Machine:
    return Machine(name=name, keys=(Key(key=key.public, revoked=revoked),), roles=("node",))


def chain(lines: list[Line], *machines: Machine) -> NodeChain:
    found = [Found(line, f"line {number}") for number, line in enumerate(lines)]
    [one] = chains_of(found, NodeKeys.of(roster(*machines), TODAY), NOW)
    return one


def test_receipts_that_nobody_touched_fit_in_any_order_and_are_proven(node: Written) -> None:
    for lines in (node.lines, node.lines[::-1], node.lines + node.lines):
        found = chain(lines, node_machine(node.key))
        assert (found.wrong, found.notes) == ((), ())
        assert [record.vouched for record in found.records.values()] == [True] * 5


def test_a_changed_receipt_is_told(node: Written) -> None:
    lines = node.lines
    document = json.loads(to_line(lines[2].receipt, lines[2].signature))
    document["receipt"]["commit"] = "b" * 40
    lines[2] = read_line(canonical_json(document))
    wrong = chain(lines, node_machine(node.key)).wrong
    assert any("its signature is wrong" in one for one in wrong)
    assert any("does not follow the receipt before it" in one for one in wrong)


def test_a_receipt_that_is_missing_in_the_middle_is_told(node: Written) -> None:
    lines = node.lines
    assert "#2 of chain" in chain(lines[:2] + lines[3:], node_machine(node.key)).wrong[0]
    assert "#1 to #3 of chain" in chain(lines[:1] + lines[4:], node_machine(node.key)).wrong[0]


def test_what_is_missing_at_an_end_shows_only_at_the_beginning(node: Written) -> None:
    lines = node.lines
    assert chain(lines[:3], node_machine(node.key)) == replace(chain(lines[:3], node_machine(node.key)), notes=())
    assert "the receipts before #2" in chain(lines[2:], node_machine(node.key)).notes[0]


def test_a_receipt_by_another_key_is_told_and_not_believed(node: Written, keys: dict[str, SigningKey]) -> None:
    last = node.lines[-1].receipt
    made = last.model_copy(update={"sequence": 5, "previous": node.lines[-1].digest})
    forged = read_line(to_line(made, unattended(keys["other"]).sign(made.to_bytes(), "interlock-receipt"))[:-1])
    found = chain([*node.lines, forged], node_machine(node.key))
    assert "is not proven, beside others that are: neither the roster" in found.wrong[0]
    assert not found.records[forged.digest].vouched
    named = chain([*node.lines, forged], node_machine(node.key), node_machine(keys["other"], "gpu-2"))
    assert "is that of the node gpu-2" in named.wrong[0]


def test_a_signature_for_another_purpose_is_none(node: Written) -> None:
    receipt = node.lines[0].receipt
    signature = unattended(node.key).sign(receipt.to_bytes(), "interlock-approval")
    found = chain([read_line(to_line(receipt, signature)[:-1])], node_machine(node.key))
    assert "a signature for 'interlock-approval'" in found.wrong[0]


def test_a_key_that_the_roster_revokes_proves_nothing_by_itself(node: Written) -> None:
    found = chain(node.lines, node_machine(node.key, revoked=TODAY))
    assert not found.is_proven
    assert "was revoked" in next(iter(found.records.values())).signature.why


def test_receipts_that_a_later_key_goes_on_from_are_older_than_that(node: Written, keys: dict[str, SigningKey]) -> None:
    later = journal_in(node.directory, node.clock, key=unattended(keys["other"]))
    later.append("began", witnessed(bot="4"))
    found = chain(node.lines, node_machine(node.key, revoked=TODAY), node_machine(keys["other"], NODE))
    assert all(record.vouched for record in found.records.values())


def test_receipts_without_a_signature_are_told_for_what_they_are(tmp_path: Path, node: Written) -> None:
    unsigned = journal_in(tmp_path / "unsigned", Clock(), key=None)
    unsigned.append("began", witnessed(bot="1"))
    found = chain(lines_of(tmp_path / "unsigned"), node_machine(node.key))
    assert (found.is_proven, found.wrong) == (False, ())
    stripped = [read_line(to_line(line.receipt, "")[:-1]) for line in node.lines]
    assert chain(stripped, node_machine(node.key)).wrong != ()


def test_a_chain_that_went_on_from_an_older_copy_is_told(tmp_path: Path, node: Written) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    [(_, path)] = segments(node.directory)
    (copy / path.name).write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    restored = journal_in(copy, node.clock, key=unattended(node.key))
    restored.append("began", witnessed(bot="2"))
    found = chain([*node.lines, *lines_of(copy)], node_machine(node.key))
    assert "has two receipts #3: the node went on from an older copy" in found.wrong[0]


def test_a_receipt_among_those_of_another_node_is_told(node: Written) -> None:
    found = [Found(line, "refs/interlock/receipts/gpu-2", "gpu-2") for line in node.lines]
    [one] = chains_of(found, NodeKeys.of(roster(node_machine(node.key)), TODAY), NOW)
    assert one.wrong == ("refs/interlock/receipts/gpu-2 holds a receipt of gpu-1 among those of gpu-2",)


def test_a_clock_that_was_set_is_told(node: Written) -> None:
    node.clock.skew = -86400
    node.journal.append("flipped", witnessed(bot="5"))
    node.clock.skew = 86400
    node.journal.append("flipped", witnessed(bot="6"))
    notes = chain(node.lines, node_machine(node.key)).notes
    assert "went back by 23 h before #5" in notes[0]
    assert "was set ahead by 2 d before #6" in notes[1]


def test_a_clock_that_is_ahead_of_the_auditor_is_told(node: Written) -> None:
    found = [Found(line, "") for line in node.lines]
    early = dt.datetime.fromtimestamp(START, dt.UTC)
    [one] = chains_of(found, NodeKeys.of(roster(node_machine(node.key)), TODAY), early)
    assert "the clock of the node is ahead" in one.notes[0]


def test_a_key_of_a_node_counts_for_no_commit_and_no_statement(node: Written) -> None:
    from interlock.approvals.keys import KeyRing

    fingerprint = node.key.fingerprint
    assert KeyRing.of(roster(node_machine(node.key)), TODAY).holder(fingerprint) is None
    assert KeyRing.of_nodes(roster(node_machine(node.key)), TODAY).holder(fingerprint) is not None
