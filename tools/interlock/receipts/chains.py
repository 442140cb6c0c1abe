"""Puts the receipts of nodes back in order, by the digests that they name, and says what does not fit. Pure.

Called by the audit with lines from anywhere, in any order: files of a node, copies that it pushed, refs. What can be
told apart: a receipt that was changed, taken out of the middle, signed by others, or written twice for one place in the
chain. What cannot: receipts taken from the end of every copy, and a beginning that nobody kept.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from interlock.receipts.node_keys import NodeKeys, SignatureSeen, Signing
from interlock.receipts.receipt import Line, Receipt, routes_digest
from interlock.receipts.witnessed import Witnessed

CLOCK_TOLERANCE = dt.timedelta(seconds=5)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One line, and where it was found: `place` names it for people, `folder` the node that it is for, or "".

    `copy` names the whole of which the place is a part, such as a directory that was given.
    """

    line: Line
    place: str
    folder: str = ""
    copy: str = ""


@dataclass(frozen=True)
class Record:
    """One receipt in its place: `parent` and `children` are digests of those before and after it that are here.

    `vouched` tells whether it, or a receipt that follows it in the chain, is signed with a key of the node that counts.
    """

    line: Line
    signature: SignatureSeen
    parent: str | None
    children: tuple[str, ...]
    vouched: bool

    @property
    def receipt(self) -> Receipt:
        """What it says."""
        return self.line.receipt

    @property
    def time(self) -> dt.datetime:
        """By the node's clock."""
        return self.line.receipt.time


@dataclass(frozen=True)
class NodeChain:
    """All receipts of one node, by digest. `wrong` is what somebody must have done, `notes` what is worth knowing."""

    node: str
    environments: tuple[str, ...]
    records: Mapping[str, Record]
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether anything here is signed by the node."""
        return any(record.vouched for record in self.records.values())

    def state_after(self, record: Record) -> tuple[Witnessed, str]:
        """What was served from a receipt on, and why that is not all of it ("": it is)."""
        way = [record]
        while not way[-1].receipt.complete and (parent := way[-1].parent):
            way.append(self.records[parent])
        state = Witnessed()
        for one in reversed(way):
            state = state.after(one.receipt)
        if routes_digest(dict(state.routes)) == record.receipt.routes_digest:
            return state, ""
        lacking = "receipts are missing before the one that holds"
        return state, lacking if not way[-1].receipt.complete else f"{_name(record.receipt)} does not add up"


@dataclass
class _Sorted:
    """The lines of one node while they are put in order."""

    node: str
    lines: dict[str, Line] = field(default_factory=dict)
    ends: dict[tuple[str, str], int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def chains_of(found: Iterable[Found], keys: NodeKeys, now: dt.datetime) -> list[NodeChain]:
    """The chains of every node that any of the lines names, by node; `now` has a timezone."""
    nodes: dict[str, _Sorted] = {}
    for one in found:
        node = one.line.receipt.node
        here = nodes.setdefault(node, _Sorted(node))
        here.lines.setdefault(one.line.digest, one.line)
        end = (one.line.receipt.chain, one.copy)
        here.ends[end] = max(here.ends.get(end, -1), one.line.receipt.sequence)
        if one.folder not in ("", node):
            here.wrong.append(f"{one.place} holds a receipt of {node} among those of {one.folder}")
    return [_chain(nodes[node], keys, now) for node in sorted(nodes)]


def _chain(here: _Sorted, keys: NodeKeys, now: dt.datetime) -> NodeChain:
    parents = {digest: _parent(here.lines, line) for digest, line in here.lines.items()}
    children: dict[str, list[str]] = defaultdict(list)
    for digest in sorted(here.lines, key=lambda one: (here.lines[one].receipt.sequence, one)):
        if (parent := parents[digest]) is not None:
            children[parent].append(digest)
    signatures = {digest: keys.seen(line) for digest, line in here.lines.items()}
    records = _records(here.lines, parents, children, signatures)
    here.wrong += [*_missing(here.lines, parents), *_forks(here.lines, children), *_signatures(records)]
    here.notes += [
        *_beginnings(here.lines, parents),
        *_clocks(records, now),
        *_set_aside(here.lines),
        *_behind(here.ends),
    ]
    environments = tuple(sorted({line.receipt.environment for line in here.lines.values()}))
    return NodeChain(here.node, environments, records, _short(here.wrong), _short(here.notes))


def _short(told: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(told) - _MOST} more of this kind",) if len(told) > _MOST else ()
    return (*tuple(dict.fromkeys(told))[:_MOST], *more)


def _parent(lines: Mapping[str, Line], line: Line) -> str | None:
    """The receipt before a receipt, if it is here and really is the one before it."""
    parent = lines.get(line.receipt.previous or "")
    if parent is None or parent.receipt.chain != line.receipt.chain:
        return None
    return parent.digest if parent.receipt.sequence + 1 == line.receipt.sequence else None


def _records(
    lines: Mapping[str, Line],
    parents: Mapping[str, str | None],
    children: Mapping[str, Sequence[str]],
    signatures: Mapping[str, SignatureSeen],
) -> dict[str, Record]:
    order = sorted(lines, key=lambda digest: lines[digest].receipt.sequence)
    vouched: set[str] = set()
    for digest in reversed(order):
        if digest in vouched or signatures[digest].signing is Signing.GOOD:
            vouched |= {digest, *([parent] if (parent := parents[digest]) else [])}
    return {
        digest: Record(
            lines[digest],
            signatures[digest],
            parents[digest],
            tuple(children.get(digest, ())),
            digest in vouched,
        )
        for digest in order
    }


def _name(receipt: Receipt) -> str:
    return f"#{receipt.sequence} of chain {receipt.chain[:8]}"


def _missing(lines: Mapping[str, Line], parents: Mapping[str, str | None]) -> Iterator[str]:
    """Receipts whose predecessor is not the one that they name, or is not here although older ones are."""
    there: dict[str, set[int]] = defaultdict(set)
    for line in lines.values():
        there[line.receipt.chain].add(line.receipt.sequence)
    for digest, line in lines.items():
        receipt = line.receipt
        if parents[digest] is not None or (receipt.sequence == 0 and receipt.previous is None):
            continue
        older = [number for number in there[receipt.chain] if number < receipt.sequence]
        if receipt.previous is None or receipt.sequence == 0 or receipt.sequence - 1 in older:
            yield f"{_name(receipt)} does not follow the receipt before it: one of the two was changed or put there"
        elif older:
            first, last = max(older) + 1, receipt.sequence - 1
            which = f"#{first}" if first == last else f"#{first} to #{last}"
            yield f"{which} of chain {receipt.chain[:8]} is missing, and {_name(receipt)} follows it"


def _beginnings(lines: Mapping[str, Line], parents: Mapping[str, str | None]) -> Iterator[str]:
    first: dict[str, Receipt] = {}
    for line in lines.values():
        known = first.setdefault(line.receipt.chain, line.receipt)
        if line.receipt.sequence < known.sequence:
            first[line.receipt.chain] = line.receipt
    for receipt in first.values():
        if receipt.sequence:
            yield f"the receipts before {_name(receipt)} are not here"
    begun = sorted(first.values(), key=lambda one: one.time)
    for receipt in begun[1:]:
        when = f"{receipt.time:%Y-%m-%d %H:%M:%S} UTC"
        yield f"another chain, {receipt.chain[:8]}, begins at {when}: the node did not have the one before"


def _behind(ends: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Copies that end before others do: not pushed yet, or cut off."""
    last: dict[str, int] = defaultdict(lambda: -1)
    for (chain, _), sequence in ends.items():
        last[chain] = max(last[chain], sequence)
    for (chain, copy), sequence in sorted(ends.items()):
        if sequence < last[chain]:
            yield f"{copy} ends with #{sequence} of chain {chain[:8]}, of which another copy has #{last[chain]}"


def _forks(lines: Mapping[str, Line], children: Mapping[str, Sequence[str]]) -> Iterator[str]:
    places: dict[tuple[str, int], int] = defaultdict(int)
    for line in lines.values():
        places[line.receipt.chain, line.receipt.sequence] += 1
    forked = {lines[one].receipt.chain for one, after in children.items() if len(after) > 1}
    for chain in sorted({chain for (chain, _), number in places.items() if number > 1}):
        at = min(sequence for (one, sequence), number in places.items() if one == chain and number > 1)
        why = "the node went on from an older copy, or its key is used in two places"
        if chain in forked:
            yield f"chain {chain[:8]} has two receipts #{at}: {why}"
        else:
            yield f"chain {chain[:8]} has two receipts #{at}, of which one was changed"


def _signatures(records: Mapping[str, Record]) -> Iterator[str]:
    proven = any(record.vouched for record in records.values())
    for record in records.values():
        if record.signature.signing is Signing.WRONG:
            yield f"{_name(record.receipt)}: {record.signature.why}"
        elif proven and not record.vouched:
            yield f"{_name(record.receipt)} is not proven, beside others that are: {record.signature.why}"


def _set_aside(lines: Mapping[str, Line]) -> Iterator[str]:
    for line in lines.values():
        for damage in line.receipt.damaged:
            what = f"{damage.size} bytes in {damage.file} that are no receipt"
            yield f"before {_name(line.receipt)} the node found {what}"


def _clocks(records: Mapping[str, Record], now: dt.datetime) -> Iterator[str]:
    """Where the clock of the node was set, as far as it shows."""
    for record in records.values():
        receipt = record.receipt
        if receipt.time > now + CLOCK_TOLERANCE:
            yield f"{_name(receipt)} is dated {_length(receipt.time - now)} from now: the clock of the node is ahead"
        before = records[record.parent].receipt if record.parent else None
        if before is None:
            continue
        passed = receipt.time - before.time
        if passed < dt.timedelta(0):
            yield f"the clock of the node went back by {_length(-passed)} before {_name(receipt)}"
        elif before.run == receipt.run:
            off = passed - dt.timedelta(milliseconds=receipt.elapsed - before.elapsed)
            if abs(off) > CLOCK_TOLERANCE:
                which = "ahead" if off > dt.timedelta(0) else "back"
                yield f"the clock of the node was set {which} by {_length(abs(off))} before {_name(receipt)}"


def _length(span: dt.timedelta) -> str:
    seconds = int(span.total_seconds())
    unit, size = next(((u, s) for u, s in (("d", 86400), ("h", 3600), ("min", 60)) if seconds >= 2 * s), ("s", 1))
    return f"{seconds // size} {unit}"
