"""Public keys as the roster writes them: one line, one key, and the fingerprint by which everybody knows it.

Called by `approvals` and by the rules about the roster. What is not exactly one SSH key of a kind that git can sign
with, or `openpgp:` and the fingerprint of a key of GPG, is refused: options, principals and patterns of an
`allowed_signers` file have no place here, nor has a certificate, which says itself for whom it speaks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

ALGORITHMS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
MOST_CHARACTERS = 4_000
OPENPGP = "openpgp:"
_OPENPGP = re.compile(r"openpgp:([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")
_SMALLEST_RSA = 256  # bytes of the modulus: 2048 bits


class MalformedKey(ValueError):
    """A text is not one public key that can be used; the message says what it should have been."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key. `line` is its canonical text, algorithm and key without a comment; `blob` the bytes that are hashed."""

    algorithm: str
    blob: bytes

    @property
    def line(self) -> str:
        """The key as `ssh-keygen -Y` and git read it."""
        return f"{self.algorithm} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and the digest in base64 without padding, as `ssh-keygen -l` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii")
        return f"SHA256:{digest.rstrip('=')}"


def key_fingerprint(text: str) -> str:
    """The fingerprint of a key of the roster: `SHA256:…` of an SSH key, or `openpgp:` and upper-case digits.

    Raises:
        MalformedKey: the text is neither.
    """
    match = _OPENPGP.fullmatch(text.strip())
    return f"openpgp:{match[1].upper()}" if match else public_key(text).fingerprint


def public_key(text: str) -> PublicKey:
    """Read `ssh-ed25519 AAAA… comment`, the line of a `.pub` file.

    Raises:
        MalformedKey: it is anything else.
    """
    if len(text) > MOST_CHARACTERS or not text.isprintable():
        raise MalformedKey("expected one line of printable text, as in the .pub file of ssh-keygen")
    algorithm, _, rest = text.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    if algorithm not in ALGORITHMS:
        raise MalformedKey(f"expected a public key that begins with one of: {', '.join(ALGORITHMS)}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedKey(
            "expected the key in base64 after its algorithm, as in the .pub file of ssh-keygen"
        ) from None
    _refuse_other_content(algorithm, blob)
    return PublicKey(algorithm, blob)


def _refuse_other_content(algorithm: str, blob: bytes) -> None:
    """The bytes must name the same algorithm, consist of whole fields, and not be of an RSA key that is too short."""
    fields = _fields(blob)
    if len(fields) < 2 or fields[0] != algorithm.encode("ascii"):
        raise MalformedKey(f"expected a whole key of the algorithm {algorithm}, copied from its .pub file")
    if "ssh-ed25519" in algorithm and len(fields[1]) != 32:
        raise MalformedKey("expected 32 bytes of an ed25519 key")
    if algorithm == "ssh-rsa" and len(fields[-1].lstrip(b"\0")) < _SMALLEST_RSA:
        raise MalformedKey("expected an RSA key of at least 2048 bits; better: ssh-keygen -t ed25519")


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed fields of a key; none where a length leads beyond the end."""
    found = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            return []
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found
