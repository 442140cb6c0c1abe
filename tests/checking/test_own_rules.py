"""Evidence as rules of an organisation's own see it: which kinds there are, and what is not known when a file is
unreadable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interlock.checking.evidence_reading import MAX_FILES
from interlock.checking.own_rules import evidence_of
from interlock.documents.identifiers import RevisionId
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.evidence.statements import MAX_BYTES
from interlock.rules.facts import EvidenceFacts
from support.own_rules import envelope, statement, write_evidence
from support.repositories import Repository, write_repository

KEY = RevisionId("support-bot", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository without evidence."""
    return write_repository(tmp_path / "repository")


def evidence(repository: Repository) -> EvidenceFacts:
    tree = WorkingTree(repository.root)
    return evidence_of(tree, read_snapshot(tree), [KEY])[KEY]


def good(repository: Repository, kind: str = "load-test") -> dict[str, Any]:
    return statement(repository, KEY.adapter, KEY.revision, kind)


def write(repository: Repository, name: str, content: Any) -> None:
    write_evidence(repository, KEY.adapter, KEY.revision, name, content)


def test_kinds_are_told_once_bare_or_wrapped(repository: Repository) -> None:
    write(repository, "a", good(repository))
    write(repository, "b", envelope(good(repository)))
    write(repository, "c", good(repository) | {"predicateType": "https://in-toto.io/attestation/test-result/v0.1"})
    write(repository, "d", good(repository) | {"predicateType": "https://example.com/human-eval"})
    assert evidence(repository) == EvidenceFacts(("human-eval", "load-test", "test-result"))


def test_only_the_exact_digest_counts(repository: Repository) -> None:
    write(repository, "a", statement(repository, "support-bot", "2", "load-test"))
    assert evidence(repository) == EvidenceFacts()


def test_a_statement_in_the_folder_of_another_revision_does_not_count(repository: Repository) -> None:
    write_evidence(repository, "support-bot", "2", "a", good(repository))
    assert evidence(repository) == EvidenceFacts()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"_type": 1, "_type": 2}',
        b"[" * 200_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"_type": NaN}',
        b"{}" + b" " * MAX_BYTES,
        {"_type": "https://example.com/statement"},
        {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://x.example/a", "subject": {}},
        {"payloadType": "text/plain", "payload": ""},
        {"payloadType": "application/vnd.in-toto+json", "payload": "%%%"},
        {"payloadType": "application/vnd.in-toto+json", "payload": "ü"},
        {"payloadType": "application/vnd.in-toto+json", "payload": 7},
        {"payloadType": "application/vnd.in-toto+json", "payload": "W10="},
    ],
)
def test_what_is_no_statement_makes_the_evidence_unknown(repository: Repository, content: Any) -> None:
    write(repository, "a", content)
    found = evidence(repository)
    assert found.kinds == ()
    assert "evidence/1/a.json" in found.unread


@pytest.mark.parametrize("address", [None, 7, "", "/", "v1"])
def test_a_statement_of_no_kind_makes_the_evidence_unknown(repository: Repository, address: Any) -> None:
    write(repository, "a", good(repository) | {"predicateType": address})
    assert "predicateType" in evidence(repository).unread


def test_too_many_statements_are_not_read(repository: Repository) -> None:
    for index in range(MAX_FILES + 1):
        write(repository, f"s{index}", good(repository))
    assert "1 statements more" in evidence(repository).unread


def test_a_link_is_not_followed_and_makes_the_evidence_unknown(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(good(repository)))
    folder = repository.root / "adapters/support-bot/evidence/1"
    folder.mkdir(parents=True)
    (folder / "a.json").symlink_to(tmp_path / "outside.json")
    assert "symlink" in evidence(repository).unread
