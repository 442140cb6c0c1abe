"""The signature that a revision is registered with: made now with a key, or found beside the files.

Called by register_adapter, which records it, and by write_records, which puts it beside the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.durable import read_bounded
from interlock.documents.identifiers import ServedName
from interlock.documents.kinds.adapter_revision import Signature
from interlock.errors import EvidenceError, UsageError
from interlock.evidence.weights_signature import MAX_BYTES, disagreement, read_weights_signature
from interlock.evidence.weights_signing import SIGNATURE_FILE, sign_weights
from interlock.lifecycle.adapter_directory import AdapterDirectory


@dataclass(frozen=True, slots=True)
class PlannedSignature:
    """The bytes of the signature file, and the key that made it as the roster writes it ("" for one found there)."""

    data: bytes
    key: str = ""
    fingerprint: str = ""


def planned_signature(found: AdapterDirectory, served: ServedName, key: Path | None) -> PlannedSignature | None:
    """Sign the files with `key`, or take the signature that lies beside them; None where there is neither.

    Raises:
        UsageError: both are there, or the one beside the files is not a signature over them.
        SigningFailed: the key cannot be read, or cannot sign weights.
    """
    beside = read_bounded(found.path / SIGNATURE_FILE, limit=MAX_BYTES)
    if key is None:
        return _beside(found, beside) if beside is not None else None
    if beside is not None:
        raise UsageError(
            f"{found.path / SIGNATURE_FILE} is there already, and --sign would replace it",
            expected="one signature",
            remedy=f"remove {found.path / SIGNATURE_FILE}, or leave --sign away to register it as it is",
        )
    signed = sign_weights(str(served), found.files, key)
    return PlannedSignature(signed.data, signed.key.line, signed.key.fingerprint)


def _beside(found: AdapterDirectory, data: bytes) -> PlannedSignature:
    path = found.path / SIGNATURE_FILE
    remedy = f"sign the files again, or remove {path}"
    try:
        if why := disagreement(read_weights_signature(data), found.files):
            raise UsageError(f"{path} is not a signature over these files: {why}", remedy=remedy)
    except EvidenceError as error:
        raise UsageError(f"{path} is no signature: {error.found}", expected=error.expected, remedy=remedy) from error
    return PlannedSignature(data)


def recorded(builder: str) -> Signature:
    """What the manifest says of the signature: the builder of the bytes signs them."""
    return Signature(format="openssf-model-signing", path=SIGNATURE_FILE, signer=builder)
