"""What one alias of a node answered a tenant with, at one moment, by its receipts. Pure.

The share of a canary is decided by the function that the middleware asks (`routing.decision`). Where receipts leave a
choice, are missing, are not proven, or nobody watched, the answer is "not known" with the reason, never a guess.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from interlock.receipts.chains import NodeChain, Record
from interlock.receipts.receipt import AliasRoute, Receipt
from interlock.receipts.witnessed import Witnessed, table_of
from interlock.routing.decision import Reason, decide


class Known(Enum):
    """What is known of a moment."""

    SERVED = "served"
    NOTHING = "nothing"
    BY_REQUEST = "by request"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: who asked for which alias, when. `tenant` and `user` are "" where the request named none."""

    alias: str
    at: dt.datetime
    tenant: str = ""
    user: str = ""


@dataclass(frozen=True)
class Answer:
    """What one node answered an alias with.

    `route` is where the alias led, `served` and `digest` the revision that answered ("" where none did, or where each
    request draws anew), `reason` why that one, `why` what is not known or what was in the way. `until` is None where
    the last receipt still holds; `record` is the receipt that holds.
    """

    node: str
    environment: str
    alias: str
    known: Known
    why: str = ""
    served: str = ""
    digest: str = ""
    reason: str = ""
    route: AliasRoute | None = None
    commit: str = ""
    record: Record | None = None
    until: dt.datetime | None = None
    is_proven: bool = False


@dataclass(frozen=True)
class Holding:
    """A receipt that holds at a moment, the one that ends its time, and what was served from each of the two on.

    `lacking` says why the routes of the first are not all known ("": they are).
    """

    record: Record
    after: Record | None
    state: Witnessed
    lacking: str
    next_state: Witnessed


def holding_at(chain: NodeChain, at: dt.datetime) -> list[Holding]:
    """The receipts that hold at a moment: one, unless the clock or the chain of the node is not one."""
    records = _considered(chain)
    found = []
    for record in _in_force(records, at):
        after = _next(records, record)
        state, lacking = chain.state_after(record)
        found.append(Holding(record, after, state, lacking, chain.state_after(after)[0] if after else Witnessed()))
    return found


def aliases_of(holding: Sequence[Holding]) -> list[str]:
    """Every alias that a node may have had."""
    return sorted({alias for one in holding for alias in one.state.routes})


def served_at(chain: NodeChain, asked: Asked) -> Answer:
    """What a node answered, as far as its receipts tell."""
    return served_by(chain, holding_at(chain, asked.at), asked)


def served_by(chain: NodeChain, holding: Sequence[Holding], asked: Asked) -> Answer:
    """The same, with the receipts that hold at the moment that is asked for."""
    answers = [_answer(chain, one, asked) for one in holding]
    if not answers:
        first = min(record.time for record in chain.records.values())
        why = f"its receipts begin at {first:%Y-%m-%d %H:%M:%S} UTC"
        return Answer(chain.node, ", ".join(chain.environments), asked.alias, Known.NOT_KNOWN, why)
    one = answers[0]
    if all(_same(one, other) for other in answers):
        return replace(one, is_proven=all(answer.is_proven for answer in answers))
    told = ", ".join(sorted({answer.served or answer.known.value for answer in answers}))
    why = f"two receipts hold for this time ({told}): the clock of the node, or its chain, is not one"
    return Answer(chain.node, one.environment, asked.alias, Known.NOT_KNOWN, why)


def _same(one: Answer, other: Answer) -> bool:
    return (one.known, one.served, one.route) == (other.known, other.served, other.route)


def _in_force(records: Mapping[str, Record], at: dt.datetime) -> list[Record]:
    """The receipts that hold at a moment: begun, and not followed by another that has begun too."""
    starts = [start.time for start in _starts(records)]
    found = []
    for record in records.values():
        after = [child.time for child in _children(records, record.line.digest)]
        if record.time > at or any(time <= at for time in after):
            continue
        if not after and any(record.time < time <= at for time in starts):
            continue  # the node went on with another chain, or from an older copy of this one
        found.append(record)
    return sorted(found, key=lambda record: record.receipt.sequence)


def _considered(chain: NodeChain) -> dict[str, Record]:
    """Without what nobody vouches for, where it stands beside what the node vouches for."""
    if not chain.is_proven:
        return dict(chain.records)
    kept: dict[str, Record] = {}
    for digest, record in sorted(chain.records.items(), key=lambda item: item[1].receipt.sequence):
        alone = record.parent in kept and not any(
            chain.records[other].vouched for other in chain.records[record.parent or ""].children
        )
        if record.vouched or alone:
            kept[digest] = record
    return kept


def _children(records: Mapping[str, Record], digest: str) -> list[Record]:
    return [records[child] for child in records[digest].children if child in records] if digest in records else []


def _answer(chain: NodeChain, one: Holding, asked: Asked) -> Answer:
    record, after, receipt, lacking = one.record, one.after, one.record.receipt, one.lacking
    route = one.state.routes.get(asked.alias)
    answer = Answer(
        chain.node,
        receipt.environment,
        asked.alias,
        Known.NOT_KNOWN,
        route=route,
        commit=receipt.commit,
        record=record,
        until=after.time if after else None,
        is_proven=record.vouched,
    )
    if route is None:
        known = Known.NOT_KNOWN if lacking else Known.NOTHING
        decided = replace(answer, known=known, why=lacking or "no route leads from this alias")
    else:
        decided = _decided(answer, route, asked)
        decided = _not_there(decided, record)
    doubt = "; ".join(_doubts(chain, one, decided, asked.at))
    return replace(decided, known=Known.NOT_KNOWN, why=doubt) if doubt else decided


def _decided(answer: Answer, route: AliasRoute, asked: Asked) -> Answer:
    """Who answers on this route."""
    share = route.canary
    weighted = share is not None and float(share.weight) > 0
    if weighted and not asked.tenant and not asked.user:
        return replace(answer, known=Known.BY_REQUEST, why="each request without a tenant draws by its content")
    decision = decide(table_of(answer.environment, answer.alias, route), answer.alias, asked.tenant, asked.user)
    end = share if share and decision.reason is not Reason.ALIAS else route.active
    return replace(answer, known=Known.SERVED, served=end.served, digest=end.digest or "", reason=decision.reason.value)


def _next(records: Mapping[str, Record], record: Record) -> Record | None:
    """The receipt that ends the time of another: one that follows it, or else the next that the node began with."""
    after = _children(records, record.line.digest)
    return min(
        after or (one for one in _starts(records) if one.time > record.time), key=lambda one: one.time, default=None
    )


def _starts(records: Mapping[str, Record]) -> list[Record]:
    """The first receipts of everything that does not simply go on: of chains, after gaps, and of forks."""
    return [one for one in records.values() if one.parent is None or len(_children(records, one.parent)) > 1]


def _not_there(answer: Answer, record: Record) -> Answer:
    """Nothing answers where the engine has forgotten the revision, or where no middleware knows the alias."""
    if answer.served in record.receipt.absent:
        why = f"the engine did not have {answer.served}, to which the alias led"
    elif record.receipt.serving == "routing-not-live":
        why = "no routing middleware answered in front of the engine, so the alias led nowhere"
    else:
        return answer
    return replace(answer, known=Known.NOTHING, why=why, served="", digest="")


def _doubts(chain: NodeChain, one: Holding, decided: Answer, at: dt.datetime) -> Iterator[str]:
    """Why what a receipt says may not have held at the moment that was asked for."""
    record, after = one.record, one.after
    same_route = one.next_state.routes.get(decided.alias) == decided.route
    if after and after.parent != record.line.digest:
        yield f"receipts are missing between {_time(record)} and {_time(after)}"
    elif after is None and record.receipt.event == "ended":
        yield f"the agent ended at {_time(record)}, and nobody watched since"
    elif after and (record.receipt.event == "ended" or after.receipt.event == "began"):
        if not (same_route and _same_process(record.receipt, after.receipt)):
            yield f"nobody watched for some time between {_time(record)} and {_time(after)}"
    elif after and not after.time > at >= (after.receipt.since or record.time):
        pass  # the agent saw since then that the receipt still held
    elif after and after.receipt.event == "found":
        yield f"something changed until {_time(after)} of which no receipt was written, and it is not known when"
    elif after and after.receipt.event == "observed" and _changes(record.receipt, after.receipt, decided):
        yield f"the engine changed until {_time(after)}, and it is not known when"
    if chain.is_proven and not record.vouched:
        yield f"the receipt of {_time(record)} is not proven, unlike those before it: {record.signature.why}"
    yield from _engine_doubts(record)


def _engine_doubts(record: Record) -> Iterator[str]:
    serving = record.receipt.serving
    if serving == "engine-unreachable":
        yield f"the engine did not answer the agent since {_time(record)}"
    elif serving == "routing-stale":
        yield "the middleware served another table than the agent had written"
    elif serving == "unknown":
        yield "the agent had not yet seen the engine"


def _changes(one: Receipt, other: Receipt, decided: Answer) -> bool:
    """Whether what answered may be other by what was seen of the engine afterwards."""
    route = decided.route
    ends = {end.served for end in (route.active, route.canary) if end} if route else set()
    return one.serving != other.serving or bool(ends & (set(one.absent) ^ set(other.absent)))


def _same_process(one: Receipt, other: Receipt) -> bool:
    """Whether the same process of the engine had the same revisions before and after a time that nobody watched."""
    same = one.serving == other.serving == "yes" and one.absent == other.absent
    return same and bool(one.engine.process) and one.engine == other.engine


def _time(record: Record) -> str:
    return f"{record.time:%Y-%m-%d %H:%M:%S} UTC"
