"""The outcome of a check of a directory, kept for the case that nothing at all has changed when it is asked for again.

Called by `interlock check`. The key holds the path, the identity (device, inode, size, times) and the kind of every
file, the day, the options and the version of everything that judges; a result that depends on anything outside of the
directory is not kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from interlock.checking.checker import CheckResult
from interlock.checking.document_store import DocumentStore
from interlock.checking.places import directory_in_tree
from interlock.documents.positions import Place
from interlock.documents.tree import Entry
from interlock.findings.finding import Finding, Severity, Verdict, verdict_of

SETTLED_AFTER = 2.0
"""Seconds since the last change of a file from which its times tell it from every later change."""


@dataclass(frozen=True, slots=True)
class RememberedResult:
    """An outcome as it was told before; satisfies `findings.judgement.Judgement`."""

    findings: tuple[Finding, ...]
    label: str
    environment: str | None
    documents: int
    checked: int
    lacks: str

    @property
    def verdict(self) -> Verdict:
        """Pass, fail or could not evaluate."""
        return verdict_of(self.findings)


def key_of(entries: Mapping[str, Entry], label: str, environment: str | None, deep: bool, today: dt.date) -> str:
    """What an outcome depends on, beside the version of what judges."""
    digest = hashlib.sha256(json.dumps([label, environment, deep, today.isoformat()]).encode())
    listing = "\0".join(f"{path}\0{entry.kind}\0{entry.identity}" for path, entry in entries.items())
    digest.update(listing.encode("utf-8", errors="surrogateescape"))
    return digest.hexdigest()


def recall(store: DocumentStore, key: str) -> RememberedResult | None:
    """The outcome that is kept under a key."""
    text = store.result(key)
    if text is None:
        return None
    try:
        parts = json.loads(text)
        return RememberedResult(**{**parts, "findings": tuple(map(_finding, parts["findings"]))})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def remember(store: DocumentStore, key: str, result: CheckResult, now: float) -> None:
    """Keep an outcome under its key, if it depends on nothing else; `now` is in seconds since the epoch."""
    if not _is_settled(result, now):
        return
    kept = RememberedResult(
        result.findings, result.label, result.environment, result.documents, result.checked, result.lacks
    )
    document = {**asdict(replace(kept, findings=())), "findings": [_plain(finding) for finding in kept.findings]}
    store.keep_result(key, json.dumps(document))


def _is_settled(result: CheckResult, now: float) -> bool:
    """Whether everything that was looked at lies in the directory, and has been left alone for a while."""
    snapshot = result.snapshot
    addresses = [revision.document.artifact.uri for revision in snapshot.revisions.values()]
    addresses += [base.document.source.uri for base in snapshot.bases.values() if base.document.source.uri]
    inside = all(map(directory_in_tree, addresses))
    newest = max((_changed(entry) for entry in snapshot.entries.values()), default=0)
    return inside and newest < (now - SETTLED_AFTER) * 1e9


def _changed(entry: Entry) -> int:
    """When a file on disk last changed, in nanoseconds: the later of the two times in its identity."""
    return max(map(int, entry.identity.split(":")[-2:]))


def _plain(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "severity": finding.severity.value}


def _finding(parts: dict[str, Any]) -> Finding:
    return Finding(**{**parts, "place": Place(**parts["place"]), "severity": Severity(parts["severity"])})
