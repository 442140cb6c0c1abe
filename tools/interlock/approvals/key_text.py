"""Keys as the roster writes them: `ssh-ed25519 AAAA… comment`, or `openpgp:FINGERPRINT` for a key of GPG.

Called by the key ring and by whoever compares keys. Pure: the standard library only, and nothing is verified here. A
key is known by its fingerprint alone; the comment behind it is anybody's words.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from interlock.approvals.ssh_wire import WireReader
from interlock.errors import SignatureInvalid

SIGNING_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""The kinds of SSH keys that may sign; no DSA, and no certificates: a certificate says itself for whom it speaks."""
MAX_TEXT = 16_384
_OPENPGP = re.compile(r"openpgp:([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")


def key_fingerprint(text: str) -> str:
    """The fingerprint of a key of the roster: `SHA256:…` as `ssh-keygen -l` prints it, or `openpgp:` and hex.

    Raises:
        SignatureInvalid: the text is no such key.
    """
    if match := _OPENPGP.fullmatch(text.strip()):
        return f"openpgp:{match[1].upper()}"
    return blob_fingerprint(key_blob(text))


def blob_fingerprint(blob: bytes) -> str:
    """The fingerprint of an SSH public key from its bytes: `SHA256:` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def key_blob(text: str) -> bytes:
    """The bytes of an SSH public key from its line of text.

    Raises:
        SignatureInvalid: it is no SSH public key, or of a kind that may not sign here.
    """
    words = text.split(maxsplit=2) if len(text) <= MAX_TEXT else []
    if len(words) < 2 or words[0] not in SIGNING_KEYS:
        kind = words[0][:60] if words else "nothing"
        raise SignatureInvalid(
            f"a key of the kind {kind!r}", expected="KIND BASE64, with KIND one of " + ", ".join(SIGNING_KEYS)
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid("a key that is not base64", expected="the line of a .pub file") from error
    if blob_kind(blob) != words[0]:
        raise SignatureInvalid(f"a key that says {words[0]} and is none", expected="the line of a .pub file")
    return blob


def key_line(blob: bytes) -> str:
    """An SSH public key as text, without a comment: the inverse of `key_blob`."""
    return f"{blob_kind(blob)} {base64.b64encode(blob).decode('ascii')}"


def blob_kind(blob: bytes) -> str:
    """The kind of key that these bytes say they are."""
    return WireReader(blob, "the public key").string().decode("ascii", errors="replace")
