"""Real OpenPGP keys for tests, made with the `gpg` of this machine in a home of their own.

with gpg_home() as home:
    fingerprint = home.make("alice@example.com")
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GpgHome:
    """One home of gpg; its path is short, because the agent's socket lies in it."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to sign with these keys."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "GPG_"))}
        return kept | {"GNUPGHOME": str(self.path), "LC_ALL": "C"}

    def make(self, email: str, *, expires: str = "never", at: str = "", kind: str = "ed25519") -> str:
        """Make a key that signs; `at` is the moment (20200101T000000) at which gpg believes to be. Its fingerprint."""
        moment = ["--faked-system-time", at] if at else []
        self._gpg(*moment, "--quick-generate-key", f"Somebody <{email}>", kind, "sign", expires)
        listing = self._gpg("--with-colons", "--list-keys", f"={f'Somebody <{email}>'}").decode()
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))

    def block(self, *fingerprints: str) -> str:
        """The armoured public keys."""
        return self._gpg("--armor", "--export", *fingerprints).decode()

    def sign(self, message: bytes, fingerprint: str, *options: str) -> bytes:
        """A detached armoured signature."""
        return self._gpg(*options, "--armor", "--local-user", fingerprint, "--detach-sign", data=message)

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key with the certificate that gpg made together with it."""
        certificate = (self.path / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self._gpg("--import", data=certificate.replace(":-----BEGIN", "-----BEGIN").encode())

    def _gpg(self, *words: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", *words]
        finished = subprocess.run(command, input=data, capture_output=True, timeout=60, env=self.environment)
        assert finished.returncode == 0, finished.stderr.decode(errors="replace")
        return finished.stdout


@contextmanager
def gpg_home() -> Iterator[GpgHome]:
    """A new home; its agent is ended when the block is left."""
    path = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    home = GpgHome(path)
    try:
        yield home
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False, timeout=60, env=home.environment)
        shutil.rmtree(path, ignore_errors=True)
