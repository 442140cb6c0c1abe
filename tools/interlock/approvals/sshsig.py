"""Signatures in OpenSSH's own format (PROTOCOL.sshsig): what `ssh-keygen -Y sign` writes and git puts into commits.

Called for statements of approval, attestations and commits. Signing runs `ssh-keygen`, so agents and hardware keys
work; verifying runs nothing. What is returned is a key and never a person: whose it is, the roster says (`keys`).

Refuses what `ssh-keygen` refuses, and beyond it: anything around the armour, RSA below 2048 bits, a hardware key that
nobody touched, and certificates.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from interlock.approvals.ssh_keygen import sign
from interlock.approvals.ssh_wire import WireReader, string
from interlock.documents.public_keys import PublicKey
from interlock.errors import SignatureInvalid

__all__ = ["MAX_ARMOUR", "Signed", "sign", "verify"]

MAX_ARMOUR = 32 * 1024
_MAGIC = b"SSHSIG"
_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_ARMOUR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END SSH SIGNATURE-----(?:\r?\n)?"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that is good: the key that made it, as fingerprint (`SHA256:…`) and as a line of text."""

    fingerprint: str
    key: str


def verify(message: bytes, signature: str, namespace: str) -> Signed:
    """Whose key has signed exactly this message for exactly this purpose.

    Raises:
        SignatureInvalid: the signature is no signature, or not over this message, or for another namespace.
    """
    from interlock.approvals.ssh_verification import verify_with_key

    reader = WireReader(_blob(signature), "the signature")
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != 1:
        raise SignatureInvalid("no SSH signature of version 1", expected="what ssh-keygen -Y sign writes")
    key, found, _, hashed_with, made = (reader.string() for _ in range(5))
    reader.end()
    if found != namespace.encode():
        shown = found[:80].decode("ascii", errors="replace")
        raise SignatureInvalid(f"a signature for {shown!r}", expected=f"a signature made for {namespace!r}")
    if hashed_with not in _HASHES:
        raise SignatureInvalid("a signature over a weak or unknown hash", expected="sha512 or sha256")
    digest = _HASHES[hashed_with](message).digest()
    kind = verify_with_key(key, made, _MAGIC + string(found) + string(b"") + string(hashed_with) + string(digest))
    signer = PublicKey(kind, key)
    return Signed(signer.fingerprint, signer.line)


def _blob(armour: str) -> bytes:
    match = _ARMOUR.fullmatch(armour) if len(armour) <= MAX_ARMOUR else None
    if match is None:
        raise SignatureInvalid("no SSH signature", expected="-----BEGIN SSH SIGNATURE----- … and nothing around it")
    try:
        return base64.b64decode(re.sub(r"\s", "", match[1]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid("a signature that is not base64", expected="what ssh-keygen -Y sign writes") from error
