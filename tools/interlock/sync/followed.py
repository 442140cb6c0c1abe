"""What a node writes down of how far it follows each alias: `followed.json` in the state directory.

Called by `staging`, which writes it before anything is done with it. The record is rebuilt where it is lost or damaged:
the node then counts as one that joins now, and takes when each commit came to the branch from the branch itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.artifacts.durable import write_atomically
from interlock.documents.identifiers import adapter_name, commit_id
from interlock.sync.record_file import read_record

FOLLOWED_FILE = "followed.json"
SCHEMA = "interlock-followed/1"
MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Followed:
    """One alias: the commit whose pointer is followed (None: none yet), and the one that waits.

    `began` is when the promotion that waits began, in seconds since the epoch.
    """

    at: str | None
    waiting: str | None = None
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class FollowedRecord:
    """Every alias of one environment that this node has looked at."""

    environment: str
    aliases: Mapping[str, Followed]


def write_followed(path: Path, record: FollowedRecord) -> None:
    """Replace the record in one step."""
    document = {
        "schema": SCHEMA,
        "environment": record.environment,
        "aliases": {name: _row(one) for name, one in sorted(record.aliases.items())},
    }
    write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())


def _row(one: Followed) -> dict[str, Any]:
    waits = {"waiting": one.waiting, "began": one.began} if one.waiting else {}
    return {"at": one.at, **waits}


def read_followed(path: Path) -> FollowedRecord | None:
    """The record, None where there is none.

    Raises:
        DocumentError: it is damaged.
    """
    return read_record(path, _record, limit=MAX_RECORD_BYTES, expected=f"what this agent wrote ({SCHEMA})")


def _record(document: Mapping[str, Any]) -> FollowedRecord:
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    rows = {adapter_name(name): _followed(row) for name, row in document["aliases"].items()}
    return FollowedRecord(str(document["environment"]), rows)


def _followed(row: Mapping[str, Any]) -> Followed:
    at, waiting, began = row["at"], row.get("waiting"), row.get("began", 0.0)
    if isinstance(began, bool) or not isinstance(began, int | float) or not 0 <= began < 1e12:
        raise TypeError("the beginning of a wait is not a time")
    return Followed(commit_id(at) if at else None, commit_id(waiting) if waiting else None, float(began))
