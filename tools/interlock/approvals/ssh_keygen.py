"""Makes signatures with the `ssh-keygen` of this machine, so that agents, passphrases and hardware keys work.

Called through `sshsig.sign` for what a person signs. It is bounded, has a deadline and no shell; what it asks for (a
passphrase, a touch) it asks for on the terminal.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from interlock.errors import SigningFailed

TIMEOUT = 60.0
"""Seconds in which a person touches a key or types a passphrase."""
_MAX_SIGNATURE = 32 * 1024
_NAMESPACE = re.compile(r"[a-z][a-z0-9-]{0,63}")


def sign(message: bytes, namespace: str, key: Path, *, timeout: float = TIMEOUT) -> str:
    """The signature over a message: `key` is a private key, or a public one whose private half an agent holds.

    Raises:
        SigningFailed: there is no such key, `ssh-keygen` refused or is not installed, or nobody answered in time.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise SigningFailed(f"{namespace!r} is no namespace", expected="lower-case letters, digits and -")
    if not key.is_file():
        raise SigningFailed(
            f"there is no key at {key}", remedy="run: ssh-keygen -t ed25519 -f FILE, or name another key"
        )
    finished = _run(["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key.absolute())], message, timeout)
    if finished.returncode:
        said = (finished.stderr or b"").decode(errors="replace").strip().splitlines()[-3:]
        raise SigningFailed(f"ssh-keygen did not sign with {key}: {' / '.join(said) or finished.returncode}")
    if len(finished.stdout) > _MAX_SIGNATURE:
        raise SigningFailed("ssh-keygen printed more than a signature")
    return finished.stdout.decode("ascii", errors="replace")


def fingerprint_of(key: Path) -> str:
    """The fingerprint (`SHA256:…`) of a key file, private or public, without its passphrase.

    Raises:
        SigningFailed: `ssh-keygen` does not know it.
    """
    finished = _run(["ssh-keygen", "-l", "-E", "sha256", "-f", str(key.absolute())], b"", TIMEOUT)
    words = finished.stdout[:1000].decode("utf-8", errors="replace").split()
    if finished.returncode or len(words) < 2 or not words[1].startswith("SHA256:"):
        raise SigningFailed(f"{key} is no key that ssh-keygen knows", remedy="name another key: --key FILE")
    return words[1]


def _run(arguments: list[str], message: bytes, timeout: float) -> subprocess.CompletedProcess[bytes]:
    # Where a person watches, a hardware key's request to be touched has to reach the terminal.
    errors = None if sys.stderr.isatty() else subprocess.PIPE
    try:
        return subprocess.run(
            arguments, input=message, stdout=subprocess.PIPE, stderr=errors, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise SigningFailed("ssh-keygen is not installed", remedy="install OpenSSH 8.1 or later") from error
    except subprocess.TimeoutExpired as error:
        remedy = "unlock or touch the key, or add it to an agent (ssh-add), and try again"
        raise SigningFailed(f"ssh-keygen did not sign within {timeout:g} seconds", remedy=remedy) from error
