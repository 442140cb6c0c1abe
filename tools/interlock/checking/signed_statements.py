"""Statements in their envelopes, signed with SSH keys: made here, opened with the roster of the trusted side.

Called by approve, attest, emergency and `approval_gathering`. What is signed is DSSE's encoding of a statement, in the
namespace of its kind, so that a signature for one purpose never serves another. A statement of which anything is wrong
counts for nobody, and there is a sentence that says why.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.approvals.keys import Holder, KeyRing
from interlock.approvals.ssh_keygen import TIMEOUT
from interlock.approvals.sshsig import sign, verify
from interlock.approvals.statements import AnyStatement, read
from interlock.errors import EvidenceError, SignatureInvalid
from interlock.evidence.dsse import IN_TOTO, Envelope, envelope, open_envelope, pae

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement signed by a key that somebody of the roster holds: `name` is that of its file."""

    name: str
    statement: AnyStatement
    holder: Holder
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A statement that counts for nothing: its file, whose it is as far as known, and why, in a sentence."""

    name: str
    who: str
    why: str


def sign_statement(statement: AnyStatement, key: Path, *, timeout: float = TIMEOUT) -> bytes:
    """The envelope with a statement, signed with a private key (or a public one whose private half an agent holds).

    Raises:
        SigningFailed: there is no such key, or nobody unlocked or touched it in time.
        SignatureInvalid: what came back is no signature of it.
    """
    payload = statement.to_bytes()
    message = pae(IN_TOTO, payload)
    armoured = sign(message, statement.namespace, key, timeout=timeout)
    signed = verify(message, armoured, statement.namespace)
    return envelope(payload, IN_TOTO, [(signed.fingerprint, _blob(armoured))])


def verified(name: str, data: bytes, ring: KeyRing) -> Verified | Ignored:
    """Open one statement by the keys of the trusted side."""
    try:
        opened = open_envelope(data)
        statement = _statement(opened)
    except EvidenceError as error:
        return Ignored(name, "somebody", f"it cannot be read: {error.found}")
    try:
        signed = verify(opened.signed, armour(opened.signatures[0][1]), statement.namespace)
    except SignatureInvalid as error:
        return Ignored(name, opened.signatures[0][0] or "somebody", f"its signature is not valid: {error.found}")
    holder = ring.holder(signed.fingerprint)
    if holder is None:
        return Ignored(name, signed.fingerprint, ring.why_not(signed.fingerprint))
    return Verified(name, statement, holder, signed.fingerprint)


def peek(data: bytes) -> AnyStatement:
    """What an envelope says, before anybody asked who signed it: only to find out whose signature to ask for.

    Raises:
        EvidenceError: it cannot be read.
    """
    return _statement(open_envelope(data))


def all_verified(files: Mapping[str, bytes], ring: KeyRing) -> tuple[list[Verified], list[Ignored]]:
    """Open several statements, by the names of their files."""
    opened = [verified(name, data, ring) for name, data in sorted(files.items())]
    good = [one for one in opened if isinstance(one, Verified)]
    return good, [one for one in opened if isinstance(one, Ignored)]


def _statement(opened: Envelope) -> AnyStatement:
    if opened.payload_type != IN_TOTO or len(opened.signatures) != 1:
        found = f"an envelope of {opened.payload_type[:60]!r} with {len(opened.signatures)} signatures"
        raise EvidenceError(found, expected=f"payloadType {IN_TOTO} and one signature")
    return read(opened.payload)


def armour(blob: bytes) -> str:
    """The bytes of a signature as `ssh-keygen` writes and reads them."""
    lines = textwrap.wrap(base64.b64encode(blob).decode("ascii"), 70)
    return "\n".join([_BEGIN, *lines, _END, ""])


def _blob(armoured: str) -> bytes:
    return base64.b64decode("".join(armoured.strip().splitlines()[1:-1]))
