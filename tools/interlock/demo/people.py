"""The people of the demonstration: real SSH keys, a roster and a policy for them, all in the scratch clone alone.

The living example names invented people whose private keys were thrown away, so the story gives them new ones. What it
changes is in one first commit, which the node pins as the root of its trust.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.demo.scratch import Scratch
from interlock.documents.layout import adapter_path, environment_path
from interlock.documents.yaml_reader import read_yaml
from interlock.errors import UsageError

DEVELOPER = "alice"
APPROVERS = ("bob", "carol")
_ROLES = {"alice": ["trainer"], "bob": ["validator"], "carol": ["operator", "incident-commander"]}
_POLICY: Mapping[str, Any] = {
    "approvals": {"count": 2, "roles": {"validator": 1, "operator": 1}, "distinct": ["author", "approver"]},
    "rollback": {"approvals": 1, "skip": ["soak", "evidence", "windows", "freshness"]},
    "emergency": {"roles": ["incident-commander"], "expires": "4h", "review_within": "24h"},
}
_WAITING = ("soak", "windows", "rollout", "holds")
"""What production asks for that would make the story last for days."""


@dataclass(frozen=True)
class People:
    """Where the private keys lie, and the commit from which on everything is signed and approved.

    `root` is "" where nobody can sign, because there is no `ssh-keygen` on this machine.
    """

    keys: Path
    root: str

    @property
    def can_sign(self) -> bool:
        """Whether commits and approvals of this story are signed."""
        return bool(self.root)

    def key(self, name: str) -> Path:
        """The private key of somebody."""
        return self.keys / name


def introduce_people(scratch: Scratch, environment: str, adapter: str, engine: str) -> People:
    """Give everybody a key, and commit who is who. From now on the clone commits and signs in the developer's name.

    On a machine without `ssh-keygen` nobody gets a key, and nothing is signed.

    Raises:
        UsageError: `ssh-keygen` makes no key.
        HistoryError: git could not commit.
    """
    keys = scratch.root / "keys"
    keys.mkdir(mode=0o700)
    can_sign = shutil.which("ssh-keygen") is not None
    if can_sign:
        _write(scratch, "policies/roster.yaml", {"kind": "Roster", "people": [_person(keys, name) for name in _ROLES]})
        _write(scratch, f"policies/{environment}.yaml", {"kind": "Policy", "environments": [environment], **_POLICY})
    _change(scratch, environment_path(environment), lambda found: _at_once(found, engine))
    _change(scratch, adapter_path(adapter), _in_order)
    source = {"repository": scratch.remote_url, "commit": scratch.git("rev-parse", "HEAD")}
    for path in sorted((scratch.clone / "adapters" / adapter / "revisions").glob("*.yaml")):
        _change(scratch, path.relative_to(scratch.clone).as_posix(), lambda found: _with_source(found, source))
    for key, value in _signing(keys / DEVELOPER).items() if can_sign else ():
        scratch.git("config", key, value)
    scratch.git("commit", "--quiet", "--all", "--message", "Say who is who in this demonstration")
    scratch.git("push", "--quiet", "origin", "HEAD:main")
    return People(keys, scratch.git("rev-parse", "HEAD") if can_sign else "")


def _person(keys: Path, name: str) -> dict[str, Any]:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.com", "-f", str(keys / name)]
    try:
        subprocess.run(words, check=True, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        found = f"no key could be made for {name}: {error}"
        raise UsageError(found, remedy="install OpenSSH 8.1 or later (ssh-keygen), and run it again") from error
    public = (keys / f"{name}.pub").read_text(encoding="ascii").strip()
    number = 1001 + list(_ROLES).index(name)
    return {"login": name, "id": number, "emails": [f"{name}@example.com"], "keys": [public], "roles": _ROLES[name]}


def _signing(key: Path) -> dict[str, str]:
    return {
        "user.name": DEVELOPER.capitalize(),
        "user.email": f"{DEVELOPER}@example.com",
        "user.signingkey": str(key),
        "gpg.format": "ssh",
        "commit.gpgsign": "true",
    }


def _at_once(environment: dict[str, Any], engine: str) -> dict[str, Any]:
    """The environment without what takes days, on the engine that runs here."""
    kept = {key: value for key, value in environment.items() if key not in _WAITING}
    limits = kept["engine"]
    return kept | {"engine": limits if limits["kind"] == engine else {**limits, "kind": engine, "version": ">=0"}}


def _in_order(adapter: dict[str, Any]) -> dict[str, Any]:
    """The adapter as if its people had looked at it today, and of a tier that needs no assessment of bias."""
    review = {**adapter["review"], "last_reviewed": str(dt.datetime.now(dt.UTC).date())}
    return adapter | {"review": review, "risk": {"tier": "low"}}


def _with_source(revision: dict[str, Any], source: Mapping[str, str]) -> dict[str, Any]:
    """The record with the commit of its training code, which the living example leaves out."""
    return revision | {"provenance": {"source": source, **revision["provenance"]}}


def _change(scratch: Scratch, path: str, edit: Any) -> None:
    _write(scratch, path, edit(dict(read_yaml((scratch.clone / path).read_bytes(), path).value)))


def _write(scratch: Scratch, path: str, document: Mapping[str, Any]) -> None:
    """Write a document as JSON, which is YAML."""
    (scratch.clone / path).write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
