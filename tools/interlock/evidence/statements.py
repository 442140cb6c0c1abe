"""Reads one in-toto statement, bare or in a DSSE envelope: which kind of evidence it is, and about which bytes.

Called by `checking.evidence_reading`. Strict about what decides (envelope, type, subjects) and silent about the rest,
as in-toto asks of readers. No signature is verified here: what is read is only *present*.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from interlock.documents.identifiers import Digest, InvalidIdentifier, adapter_name
from interlock.errors import EvidenceError

MAX_BYTES = 1 << 20
MAX_SUBJECTS = 1_000
STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
_VERSION = re.compile(r"v\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: `kind` as policies name it (`test-result`), the digests of its subjects, what it says of them.

    `signatures` counts those of the envelope; none of them has been verified.
    """

    kind: str
    predicate_type: str
    subjects: frozenset[Digest]
    predicate: Mapping[str, Any]
    signatures: int = 0

    def is_about(self, digest: Digest) -> bool:
        """Whether the statement names exactly these bytes."""
        return digest in self.subjects


def read_statement(data: bytes) -> Statement:
    """Read a statement from the bytes of a file.

    Raises:
        EvidenceError: it is no in-toto statement v1, or could be read in more than one way.
    """
    document = _mapping(_json(data), "the file")
    signatures = document.get("signatures") if "payload" in document else ()
    if "payload" in document:
        if document.get("payloadType") != PAYLOAD:
            _refuse("an envelope of another payload type", f"payloadType {PAYLOAD}")
        if not isinstance(signatures, list) or not signatures:
            _refuse("an envelope without signatures", "at least one entry in `signatures`")
        document = _mapping(_json(_payload(document["payload"])), "the payload")
    if document.get("_type") != STATEMENT:
        _refuse("no in-toto statement", f'"_type": "{STATEMENT}", bare or in a DSSE envelope')
    predicate_type = _text(document.get("predicateType"), "predicateType")
    return Statement(
        evidence_kind(predicate_type),
        predicate_type,
        _subjects(document.get("subject")),
        _mapping(document.get("predicate", {}), "predicate"),
        len(signatures or ()),
    )


def evidence_kind(predicate_type: str) -> str:
    """What policies call evidence of a predicate type: the last part of its path before the version.

    `https://in-toto.io/attestation/test-result/v0.1` is a `test-result`.

    Raises:
        EvidenceError: no part of it can be such a name.
    """
    try:
        parts = [part for part in urlsplit(predicate_type).path.split("/") if part]
        named = parts[:-1] if parts and _VERSION.fullmatch(parts[-1]) else parts
        return adapter_name(named[-1] if named else "")
    except ValueError:  # what an address cannot be, or what a name cannot be
        _refuse("a predicateType that names no kind of evidence", "an address such as https://…/test-result/v0.1")


def _subjects(value: object) -> frozenset[Digest]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SUBJECTS:
        _refuse("a statement about nothing, or about too much", f"1 to {MAX_SUBJECTS} entries in `subject`")
    found = set()
    for subject in value:
        digests = _mapping(_mapping(subject, "subject").get("digest"), "subject.digest")
        try:
            found.add(Digest(f"sha256:{_text(digests.get('sha256'), 'subject.digest.sha256')}"))
        except InvalidIdentifier:
            _refuse("a subject whose sha256 is no digest", "64 lower-case hexadecimal digits")
    return frozenset(found)


def _payload(value: object) -> bytes:
    try:
        return base64.b64decode(_text(value, "payload"), validate=True)
    except (binascii.Error, ValueError):
        _refuse("a payload that is not base64", "the statement in base64")


def _json(data: bytes) -> object:
    if len(data) > MAX_BYTES:
        _refuse(f"{len(data)} bytes", f"at most {MAX_BYTES} bytes; refer to a longer report by its digest")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        _refuse("values nested too deeply", "a statement without deep nesting")
    except ValueError:
        _refuse("no JSON that can be read in one way only", "one JSON object in UTF-8, each key once")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{where} is no JSON object", "an object")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_BYTES * 2:
        _refuse(f"{where} is no text", "text")
    return value


def _refuse(found: str, expected: str) -> NoReturn:
    raise EvidenceError(found, expected=expected, remedy="write it again with the tool that made it")
