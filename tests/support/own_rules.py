"""Rules of an organisation's own, for a repository of `support.repositories`.

write_rule(repository, "needs-bias", when="environment.protected", require="has(revision.risk.bias)")
"""

from __future__ import annotations

import base64
import json
from typing import Any

from support.repositories import Repository, manifest

STATEMENT = "https://in-toto.io/Statement/v1"


def rule_path(name: str) -> str:
    """Path of a rule."""
    return f"policies/rules/{name}.yaml"


def write_rule(repository: Repository, name: str = "own-rule", **fields: Any) -> str:
    """Write a rule that fits each revision, unless `fields` say otherwise; returns its path."""
    rule = {
        "kind": "Rule",
        "id": name,
        "severity": "error",
        "applies_to": "revision",
        "when": "true",
        "require": "true",
        "message": "Own rule.",
        "remedy": "Ask the owner.",
        "examples": [{"name": "anything", "expect": "pass" if fields.get("require", "true") == "true" else "fail"}],
    }
    repository.write(rule_path(name), rule | fields)
    return rule_path(name)


def statement(repository: Repository, adapter: str, revision: str, kind: str) -> dict[str, Any]:
    """An in-toto statement about the bytes of a revision."""
    digest = repository.read(manifest(adapter, revision))["artifact"]["digest"].removeprefix("sha256:")
    return {
        "_type": STATEMENT,
        "subject": [{"name": f"{adapter}@{revision}", "digest": {"sha256": digest}}],
        "predicateType": f"https://interlock.example.com/{kind}/v1",
        "predicate": {},
    }


def envelope(content: dict[str, Any]) -> dict[str, Any]:
    """A statement in a DSSE envelope; the signature is none."""
    payload = base64.b64encode(json.dumps(content).encode()).decode()
    return {"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AA=="}]}


def write_evidence(repository: Repository, adapter: str, revision: str, name: str, content: Any) -> str:
    """Write a file into the evidence folder of a revision; returns its path."""
    path = f"adapters/{adapter}/evidence/{revision}/{name}.json"
    repository.write(path, content if isinstance(content, bytes) else json.dumps(content))
    return path
