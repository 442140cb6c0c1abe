"""Valid documents of every kind, from the example documents and from the healthy repository of the tests."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from interlock.documents.layout import MODELS, Standing, classify
from interlock.documents.yaml_reader import read_yaml
from support.repositories import Repository, write_repository

_CASES = Path(__file__).parents[1] / "documents" / "cases"
NODE = {
    "kind": "Node",
    "name": "node-1",
    "environment": "dev",
    "remote": {"url": "file:///srv/git/adapters.git", "branch": "main", "poll": "30s"},
    "engine": {"kind": "vllm", "url": "http://127.0.0.1:8000", "base_directory": "base", "timeout": "60s"},
    "state": "state",
    "drain": "30s",
}
_RULE = "policies/rules/large-adapter-needs-load-test.yaml"
_PLACES = {
    "Adapter": "adapters/support-bot/adapter.yaml",
    "AdapterRevision": "adapters/support-bot/revisions/7.yaml",
    "BaseRevision": "bases/org--base-8b/2026-05.yaml",
    "Environment": "environments/production/environment.yaml",
    "Pointer": "environments/production/pointers/support-bot.yaml",
    "Policy": "policies/production.yaml",
    "Revocations": "policies/revocations.yaml",
    "Roster": "policies/roster.yaml",
    "Waivers": "policies/waivers.yaml",
    "Rule": _RULE,
}


@dataclass(frozen=True)
class Valid:
    """A document without problems, and the path at which it stands."""

    path: str
    value: Mapping[str, Any]
    data: bytes


@cache
def valid_documents() -> tuple[Valid, ...]:
    """At least one of every kind, the examples first."""
    examples = [*_CASES.glob("example-*/input.yaml"), _CASES / "waivers" / "input.yaml"]
    read = [(file.read_bytes(), read_yaml(file.read_bytes(), file.name).value) for file in sorted(examples)]
    found = [Valid(_PLACES[value["kind"]], value, data) for data, value in read]
    for path, data in healthy_files().items():
        if classify(path).standing is Standing.DOCUMENT and "sql-helper" not in path:
            found.append(Valid(path, read_yaml(data, path).value, data))
    assert {document.value["kind"] for document in found} == set(MODELS)
    return tuple(found)


@cache
def healthy() -> Repository:
    """The healthy repository on disk, once for a process; whoever changes it puts it back (see `restored`)."""
    scratch = tempfile.TemporaryDirectory()
    atexit.register(scratch.cleanup)
    return write_repository(Path(scratch.name) / "repository")


@cache
def healthy_files() -> Mapping[str, bytes]:
    """Every file of the healthy repository."""
    root = healthy().root
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
