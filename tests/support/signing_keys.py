"""Real SSH keys for tests, made and used with the `ssh-keygen` of this machine, and git commits signed with them.

alice = make_key(tmp_path, "alice")
signature = alice.sign(b"message", "interlock-approval")
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa-256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "2048"),
}


@dataclass(frozen=True)
class SigningKey:
    """A key pair; `path` is the private half."""

    path: Path

    @property
    def public(self) -> str:
        """The public key as the roster writes it, without a comment."""
        return " ".join(self.public_path.read_text().split()[:2])

    @property
    def public_path(self) -> Path:
        """The file of the public half."""
        return self.path.with_suffix(".pub")

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` prints for it."""
        return _keygen("-l", "-f", str(self.public_path)).stdout.decode().split()[1]

    def sign(self, message: bytes, namespace: str, *options: str) -> str:
        """A signature made by `ssh-keygen` itself."""
        words = [word for option in options for word in ("-O", option)]
        return _keygen("-Y", "sign", "-n", namespace, "-f", str(self.path), *words, data=message).stdout.decode()


def make_key(directory: Path, name: str, kind: str = "ed25519") -> SigningKey:
    """Make a key without a passphrase."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    _keygen(*KINDS[kind], "-q", "-N", "", "-C", f"{name}@example.com", "-f", str(path))
    return SigningKey(path)


def ssh_keygen_accepts(directory: Path, message: bytes, signature: str, namespace: str) -> bool:
    """What `ssh-keygen -Y check-novalidate` says: a good signature of whoever made it."""
    file = directory / "checked.sig"
    file.write_text(signature)
    words = ("-Y", "check-novalidate", "-n", namespace, "-s", str(file))
    return _keygen(*words, data=message, check=False).returncode == 0


def ssh_keygen_verifies(directory: Path, key: SigningKey, message: bytes, signature: str, namespace: str) -> bool:
    """What `ssh-keygen -Y verify` says where this key alone may sign."""
    (directory / "allowed").write_text(f"signer@example.com {key.public}\n")
    (directory / "verified.sig").write_text(signature)
    words = ("-Y", "verify", "-n", namespace, "-I", "signer@example.com", "-f", str(directory / "allowed"))
    return _keygen(*words, "-s", str(directory / "verified.sig"), data=message, check=False).returncode == 0


def _keygen(*words: str, data: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    return subprocess.run(
        ["ssh-keygen", *words], input=data, capture_output=True, check=check, timeout=60, env=environment
    )
