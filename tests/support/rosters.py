"""People and machines for rosters, each with an account, an e-mail and a key of their own that only they have."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from interlock.documents.kinds.roster import Roster


def key_of(name: str) -> str:
    """A well-formed public key that nobody can sign with: its 32 bytes are a digest of the name."""
    blob = b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", hashlib.sha256(name.encode()).digest())
    )
    return f"ssh-ed25519 {base64.b64encode(blob).decode('ascii')}"


def account_of(name: str) -> int:
    """The number of a person's account."""
    return 1000 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:3], "big")


def person(login: str, *roles: str, **fields: Any) -> dict[str, Any]:
    """An entry of `people`."""
    entry = {"login": login, "id": account_of(login), "emails": [f"{login}@example.com"], "keys": [key_of(login)]}
    return entry | {"roles": list(roles)} | fields


def machine(name: str, *roles: str, **fields: Any) -> dict[str, Any]:
    """An entry of `machines`."""
    return {"name": name, "keys": [key_of(name)], "roles": list(roles)} | fields


def roster(*entries: dict[str, Any]) -> Roster:
    """A roster of people and machines."""
    people = [entry for entry in entries if "login" in entry]
    machines = [entry for entry in entries if "name" in entry]
    return Roster.model_validate({"kind": "Roster", "people": people, "machines": machines})
