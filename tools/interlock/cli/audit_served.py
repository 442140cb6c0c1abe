"""`interlock audit --served`: what served an alias, or a tenant, at one moment, by receipts and by git."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.artifacts.durable import read_bounded
from interlock.checking.audit.auditing import audit as audited
from interlock.checking.audit.outcome import AuditedCommit
from interlock.checking.audit.report import commit_document, time_text
from interlock.checking.audit.served import ServedThen, joined, roster_at
from interlock.cli import exit_codes
from interlock.cli.terminal import print_json, say
from interlock.documents.identifiers import adapter_name
from interlock.documents.public_keys import MalformedKey, public_key
from interlock.errors import UsageError
from interlock.findings.readable import readable
from interlock.history.repository import GitRepository
from interlock.receipts.chains import NodeChain, chains_of
from interlock.receipts.collected import Collected, from_paths, from_refs
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.receipt import AliasRoute, moment_text
from interlock.receipts.served_at import Answer, Asked, Known, aliases_of, holding_at, served_by

SCHEMA = "interlock-audit-served/1"
MAX_KEY_FILE = 16 * 1024


@dataclass(frozen=True)
class Question:
    """What was asked; "" means any."""

    at: dt.datetime
    alias: str = ""
    tenant: str = ""
    user: str = ""
    node: str = ""
    environment: str = ""
    receipts: tuple[Path, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()


@dataclass
class Told:
    """What is known, and what is wrong or worth knowing about the receipts themselves."""

    head: str
    rows: list[ServedThen] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status: contradictions first, then what is not known."""
        if self.wrong or any(row.wrong for row in self.rows):
            return exit_codes.FINDINGS
        certain = self.rows and all(row.is_certain for row in self.rows)
        return exit_codes.CLEAN if certain else exit_codes.COULD_NOT_EVALUATE


def node_key(text: str) -> tuple[str, str]:
    """`NODE=KEY`, a public key or the file of one, as a pair of node and fingerprint."""
    node, equals, key = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} names no key: write NODE='ssh-ed25519 AAAA…' or NODE=FILE.pub")
    line = (
        key
        if key.startswith("ssh-")
        else (read_bounded(Path(key), limit=MAX_KEY_FILE) or b"").decode("utf-8", "replace")
    )
    try:
        return adapter_name(node), public_key(line.strip()).fingerprint
    except MalformedKey as error:
        raise ValueError(f"no key of the node {node}: {error}") from error


def tell_served(repository: GitRepository, head: str, asked: Question, form: str, *, now: dt.datetime, ref: str) -> int:
    """Answer a question on standard output; returns the exit status.

    Raises:
        UsageError: the question cannot be answered by anybody.
        HistoryError: git cannot be read.
    """
    if asked.at > now:
        raise UsageError(f"{time_text(asked.at)} is still to come", expected="a time in the past")
    told = _told(repository, head, asked, now, ref)
    if form == "json":
        print_json(_document(told, asked))
    else:
        for line in _lines(told, asked):
            say(line)
    return told.status


def _told(repository: GitRepository, head: str, asked: Question, now: dt.datetime, ref: str) -> Told:
    collected = (
        from_paths(asked.receipts, node=asked.node) if asked.receipts else from_refs(repository.git, node=asked.node)
    )
    roster, unreadable = roster_at(repository, head)
    chains = chains_of(collected.found, NodeKeys.of(roster, now.date(), asked.keys), now)
    chosen = [chain for chain in chains if asked.node in ("", chain.node)]
    told = Told(head, places=collected.places, wrong=list(collected.wrong), notes=list(collected.notes))
    told.notes += [unreadable] if unreadable else []
    told.notes += _nothing_there(collected, chosen, asked)
    for chain in chosen:
        told.wrong += [f"{chain.node}: {one}" for one in chain.wrong]
        told.notes += [f"{chain.node}: {one}" for one in chain.notes]
    found = audited(repository.git, head, now=now, target_ref=ref)
    told.rows = joined(repository, found, [answer for chain in chosen for answer in _answers(chain, asked)])
    return told


def _nothing_there(collected: Collected, chosen: Sequence[NodeChain], asked: Question) -> Iterator[str]:
    if not collected.places:
        fetch = "git fetch origin 'refs/interlock/receipts/*:refs/interlock/receipts/*'"
        yield f"there are no receipts in this repository: run {fetch}, or name a copy with --receipts PATH"
    elif not chosen:
        yield f"no receipt is of {f'the node {asked.node}' if asked.node else 'any node'}"


def _answers(chain: NodeChain, asked: Question) -> Iterator[Answer]:
    if asked.environment and asked.environment not in chain.environments:
        return
    holding = holding_at(chain, asked.at)
    for alias in [asked.alias] if asked.alias else aliases_of(holding) or [""]:
        answer = served_by(chain, holding, Asked(alias, asked.at, asked.tenant, asked.user))
        if asked.environment in ("", answer.environment) or answer.record is None:
            yield answer


def _lines(told: Told, asked: Question) -> Iterator[str]:
    who = f" for the tenant {readable(asked.tenant)}" if asked.tenant else ""
    who += f" for the user {readable(asked.user)}" if asked.user else ""
    yield f"Served at {time_text(asked.at)}{who}, by the receipts of {', '.join(told.places) or 'nobody'}:"
    for row in told.rows:
        yield from _row(row)
    if not told.rows:
        yield "  not known: no receipt tells of it"
    for title, sentences in (("Wrong", told.wrong), ("Note", told.notes)):
        yield from (f"{title}: {readable(one)}" for one in sentences)


def _row(row: ServedThen) -> Iterator[str]:
    answer = row.answer
    name = f"{answer.node}  {answer.environment}/{answer.alias}" if answer.alias else answer.node
    yield f"  {readable(name)}: {_outcome(answer)}"
    if answer.route:
        yield f"      the alias led to {_route(answer.route)}, {_span(answer)}"
    if answer.known is not Known.NOT_KNOWN and not answer.is_proven:
        yield f"      NOT PROVEN: {readable(_why_unproven(answer))}"
    if row.decided:
        yield from _commit(row.decided)
    yield from (f"      WRONG: {readable(one)}" for one in row.wrong)
    yield from (f"      note: {readable(one)}" for one in row.notes)


def _outcome(answer: Answer) -> str:
    if answer.known is Known.SERVED:
        return f"{answer.served} ({answer.digest or 'digest not recorded'}), as {answer.reason}"
    told = {Known.NOTHING: "nothing", Known.BY_REQUEST: "one of two, by request", Known.NOT_KNOWN: "NOT KNOWN"}
    return readable(f"{told[answer.known]}: {answer.why}")


def _route(route: AliasRoute) -> str:
    share = route.canary
    if share is None:
        return route.active.served
    tenants = f" and for {', '.join(share.tenants)}" if share.tenants else ""
    return readable(f"{route.active.served}, canary {share.served} at {float(share.weight):g} %{tenants}")


def _span(answer: Answer) -> str:
    since = f"by the receipt of {answer.record.time:%Y-%m-%d %H:%M:%S} UTC" if answer.record else "by no receipt"
    return f"{since}, until {answer.until:%Y-%m-%d %H:%M:%S} UTC" if answer.until else f"{since}, the last one known"


def _why_unproven(answer: Answer) -> str:
    return (
        answer.record.signature.why if answer.record and answer.record.signature.why else "one of its receipts is not"
    )


def _commit(commit: AuditedCommit) -> Iterator[str]:
    yield f"      told by {commit.commit[:12]}, {commit.when} ({commit.when.source}): {commit.verdict.value}"
    yield f"      activated by {readable(commit.activator.shown)}"
    for seen in commit.approvals:
        who = ", ".join(f"{login} as {role}" if role else login for login, role in seen.counted) or "nobody"
        yield f"      approvals: {seen.status}, counted: {readable(who)}"


def _document(told: Told, asked: Question) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "head": told.head,
        "at": time_text(asked.at),
        "tenant": asked.tenant or None,
        "user": asked.user or None,
        "receipts": told.places,
        "status": told.status,
        "served": [_row_document(row) for row in told.rows],
        "wrong": told.wrong,
        "notes": told.notes,
    }


def _row_document(row: ServedThen) -> dict[str, Any]:
    answer, record = row.answer, row.answer.record
    return {
        "node": answer.node,
        "environment": answer.environment,
        "alias": answer.alias or None,
        "known": answer.known.value,
        "why": answer.why,
        "served": answer.served or None,
        "digest": answer.digest or None,
        "reason": answer.reason or None,
        "route": answer.route.model_dump() if answer.route else None,
        "proven": answer.is_proven,
        "signed_with": record.signature.fingerprint or None if record else None,
        "receipt": record.line.digest if record else None,
        "sequence": record.receipt.sequence if record else None,
        "since": moment_text(record.time) if record else None,
        "until": moment_text(answer.until) if answer.until else None,
        "followed_commit": answer.commit or None,
        "told": list(row.told),
        "decided_by": commit_document(row.decided) if row.decided else None,
        "wrong": list(row.wrong),
        "notes": list(row.notes),
    }
