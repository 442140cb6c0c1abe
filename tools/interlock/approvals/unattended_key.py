"""The key of a machine that signs without anybody beside it: an ed25519 key file without passphrase, of one user.

Called for what a node signs. Signs in OpenSSH's own format without starting anything, so `ssh-keygen -Y verify` reads
it, and `sshsig.verify`; `ssh_keygen` is for what people sign.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.approvals.ssh_wire import string
from interlock.documents.public_keys import PublicKey
from interlock.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_KEY = 16 * 1024
_KIND = "ssh-ed25519"
_WIDTH = 70
_REMEDY = "run: ssh-keygen -t ed25519 -N '' -f {path}"


@dataclass(frozen=True)
class UnattendedKey:
    """A key that can sign. `public` is what others know it by."""

    public: PublicKey
    _private: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes, namespace: str) -> str:
        """The armoured signature over a message for one purpose (PROTOCOL.sshsig, version 1)."""
        head = string(namespace.encode("ascii")) + string(b"") + string(b"sha512")
        made = self._private.sign(b"SSHSIG" + head + string(hashlib.sha512(message).digest()))
        blob = b"SSHSIG" + (1).to_bytes(4, "big") + string(self.public.blob) + head
        blob += string(string(_KIND.encode("ascii")) + string(made))
        text = base64.b64encode(blob).decode("ascii")
        lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def load_unattended_key(path: Path) -> UnattendedKey:
    """Read a private key.

    Raises:
        UsageError: there is none, others can read it, it has a passphrase, or it is of another kind.
    """
    data = _read(path)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    try:
        private = load_ssh_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "it is no key of OpenSSH, or has a passphrase that nobody can type here") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _no_key(path, "it is a key of another kind")
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return UnattendedKey(PublicKey(_KIND, string(_KIND.encode("ascii")) + string(raw)), private)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                raise UsageError(
                    f"{path} can be read by other users", expected="a key of one user", remedy=f"run: chmod 600 {path}"
                )
            data = stream.read(MAX_KEY + 1)
    except OSError as error:
        raise _no_key(path, str(error.strerror)) from error
    if len(data) > MAX_KEY:
        raise _no_key(path, f"it has more than {MAX_KEY} bytes")
    return data


def _no_key(path: Path, why: str) -> UsageError:
    return UsageError(
        f"the key in {path} cannot be used: {why}",
        expected="an ed25519 key of OpenSSH without a passphrase",
        remedy=_REMEDY.format(path=path),
    )
