"""The envelope around a signed statement: DSSE v1, https://github.com/secure-systems-lab/dsse.

Called by whoever signs, stores or verifies statements. Opening an envelope verifies nothing: it says which bytes were
signed, and what claims to be a signature of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from interlock.documents.canonical_json import canonical_json, strict_json
from interlock.errors import EvidenceError

IN_TOTO = "application/vnd.in-toto+json"
MAX_ENVELOPE = 128 * 1024
MAX_SIGNATURES = 8
_KEYS = {"payload", "payloadType", "signatures"}
_MAX_KEYID = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """`signatures` are pairs of a hint at the key and the bytes of a signature, none of them verified."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def signed(self) -> bytes:
        """The bytes that each signature must be about."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed, so that no payload passes for one of another type."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, payload_type: str, signatures: Iterable[tuple[str, bytes]]) -> bytes:
    """The bytes of an envelope, in one canonical form; `signatures` are pairs of key id and signature."""
    entries = [{"keyid": keyid, "sig": base64.b64encode(sig).decode("ascii")} for keyid, sig in signatures]
    document = {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": payload_type,
        "signatures": entries,
    }
    return canonical_json(document) + b"\n"


def open_envelope(data: bytes) -> Envelope:
    """Read an envelope; verifies no signature.

    Raises:
        EvidenceError: it is no DSSE envelope, holds something else beside, or is too large.
    """
    if len(data) > MAX_ENVELOPE:
        _refuse(f"an envelope of {len(data)} bytes", f"at most {MAX_ENVELOPE} bytes")
    try:
        document = strict_json(data)
    except ValueError:
        _refuse("no JSON that can be read in one way only", "one JSON object in UTF-8, each key once")
    if not isinstance(document, dict) or set(document) != _KEYS:
        _refuse("no DSSE envelope", "an object with payload, payloadType and signatures, and nothing else")
    kind, signatures = document["payloadType"], document["signatures"]
    if not isinstance(kind, str) or not 0 < len(kind) <= _MAX_KEYID:
        _refuse("an envelope without a payloadType", f"payloadType {IN_TOTO}")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= MAX_SIGNATURES:
        _refuse("an envelope without signatures, or with too many", f"1 to {MAX_SIGNATURES} entries in `signatures`")
    return Envelope(_decoded(document["payload"], "payload"), kind, tuple(map(_signature, signatures)))


def _signature(entry: object) -> tuple[str, bytes]:
    if not isinstance(entry, dict) or not {"sig"} <= set(entry) <= {"sig", "keyid"}:
        _refuse("an entry in `signatures` that is none", "an object with sig, and keyid if wanted")
    keyid = entry.get("keyid", "")
    if not isinstance(keyid, str) or len(keyid) > _MAX_KEYID:
        _refuse("a keyid that is none", f"text of at most {_MAX_KEYID} characters")
    return keyid, _decoded(entry["sig"], "sig")


def _decoded(value: object, where: str) -> bytes:
    """Base64 in its one canonical spelling: otherwise the same statement could lie there under many names."""
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode("ascii") != value:
        _refuse(f"a {where} that is not base64", "the bytes in base64 with padding, without line breaks")
    return data


def _refuse(found: str, expected: str) -> NoReturn:
    raise EvidenceError(found, expected=expected, remedy="write it again with the tool that made it")
