"""Signs the weights of a revision of the test repository, and writes the key of the signer into its roster."""

from __future__ import annotations

import tempfile
from pathlib import Path

from interlock.artifacts.digests import describe_directory
from interlock.evidence.weights_signing import SIGNATURE_FILE, sign_weights
from support.repositories import Repository, artifact, manifest
from support.signing_keys import SigningKey, make_key

ROSTER = "policies/roster.yaml"


def sign_weights_of(
    repository: Repository, revision: str, by: str, *, listed: bool = True, key: SigningKey | None = None
) -> str:
    """Sign revision `name@number` with a new key of the machine `by`, or this one; returns the fingerprint."""
    name, number = revision.split("@")
    directory = repository.root / artifact(name, number)
    (directory / SIGNATURE_FILE).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        used = key or make_key(Path(scratch), by, "ecdsa-256")
        signed = sign_weights(revision, describe_directory(directory), used.path)
    (directory / SIGNATURE_FILE).write_bytes(signed.data)
    written = {"format": "openssf-model-signing", "path": SIGNATURE_FILE, "signer": by}
    repository.change(manifest(name, number), "artifact", "signature", to=written)
    if listed:
        give_key(repository, by, signed.key.line)
    return signed.key.fingerprint


def give_key(repository: Repository, machine: str, key: object) -> None:
    """Add a key, as text or with dates, to a machine of the roster; one that is not there becomes a builder."""
    roster = repository.read(ROSTER)
    machines = roster.setdefault("machines", [])
    entry = next((found for found in machines if found["name"] == machine), None)
    if entry is None:
        machines.append(entry := {"name": machine, "roles": ["builder"]})
    entry["keys"] = [*entry.get("keys", []), key]
    repository.write(ROSTER, roster)
