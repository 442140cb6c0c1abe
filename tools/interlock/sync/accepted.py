"""What the agent writes down of the last commit that it accepted, before it does anything with it.

Called by `source`. A record that was made under another root of trust, or without one, is no beginning for a range that
must be verified: then everything from the root on is looked at again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from interlock.artifacts.durable import write_atomically
from interlock.documents.identifiers import commit_id
from interlock.sync.record_file import read_record

MAX_RECORD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """The last accepted commit. `root` names the root of trust from which all was verified up to it, "" for none.

    `how` says what stood for the last commit that needed a word of people. `undone` are commits of the branch that
    were never trusted and whose every effect was taken back: no revision counts as active because of them.
    """

    commit: str
    root: str = ""
    how: str = ""
    undone: tuple[str, ...] = ()


def write_accepted(path: Path, accepted: Accepted) -> None:
    """Replace the record in one step."""
    document: dict[str, Any] = {"accepted": accepted.commit}
    if accepted.root:
        document |= {key: value for key, value in asdict(accepted).items() if key != "commit" and value}
    write_atomically(path, json.dumps(document).encode())


def read_accepted(path: Path) -> Accepted | None:
    """The record, None where there is none.

    Raises:
        DocumentError: it is damaged.
    """
    return read_record(
        path,
        _accepted,
        limit=MAX_RECORD_BYTES,
        expected="the last accepted commit, as this agent wrote it",
        remedy=f"compare it with `git log` on the remote, then correct or remove {path}",
    )


def _accepted(value: Mapping[str, Any]) -> Accepted:
    undone = tuple(commit_id(commit) for commit in value.get("undone", ()))
    return Accepted(commit_id(value["accepted"]), str(value.get("root", "")), str(value.get("how", "")), undone)
