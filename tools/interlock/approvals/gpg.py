"""Verifies OpenPGP signatures with `gpgv`, against exactly the keys that the caller gives. Called for commits alone.

Nobody's own keyring, trust database or configuration takes part, and only status lines are read, never text: a
signature counts when there is exactly one, it is good, over a strong hash, and its key is not expired or revoked today.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from interlock.errors import SignatureInvalid, SigningFailed

TIMEOUT = 10.0
MAX_BLOCK = 256 * 1024
_BLOCK = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[A-Za-z]+: [^\n]*\n)*\r?\n"
    rb"((?:[A-Za-z0-9+/=]{1,76}\r?\n)+?)(?:=[A-Za-z0-9+/]{4}\r?\n)?-----END PGP PUBLIC KEY BLOCK-----"
)
_PREFIX = "[GNUPG:] "
_REFUSALS = {
    "BADSIG": "the signature is not over these bytes",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "the key that made the signature has expired",
    "REVKEYSIG": "the key that made the signature was revoked by its owner",
    "ERRSIG": "the signature cannot be checked with the keys in policies/keys",
    "NODATA": "no OpenPGP signature",
    "UNEXPECTED": "no OpenPGP signature",
}
_STRONG_HASHES = frozenset({"8", "9", "10"})
_WEAK_KEYS = frozenset({"17"})


def keys_of_block(text: bytes) -> bytes:
    """The bytes of the keys in an armoured public key block (`gpg --armor --export`).

    Raises:
        SignatureInvalid: it is no such block.
    """
    blocks = _BLOCK.findall(text) if len(text) <= MAX_BLOCK else []
    if not blocks:
        raise SignatureInvalid("no OpenPGP public key block", expected="what gpg --armor --export FINGERPRINT prints")
    try:
        return b"".join(base64.b64decode(re.sub(rb"\s", b"", block), validate=True) for block in blocks)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid("an OpenPGP key block that is not base64") from error


def verify_openpgp(message: bytes, signature: bytes, keys: Iterable[bytes]) -> str:
    """Whose key has signed exactly this message: `openpgp:` and the fingerprint of the primary key.

    Raises:
        SignatureInvalid: there is no such signature by one of `keys`.
        SigningFailed: `gpgv` is not installed or did not answer, so nothing is known.
    """
    ring = b"".join(keys)
    if not ring:
        raise SignatureInvalid(_REFUSALS["ERRSIG"])
    with tempfile.TemporaryDirectory(prefix="interlock-gpgv-") as name:
        home = Path(name)
        (home / "keys.gpg").write_bytes(ring)
        (home / "signature.asc").write_bytes(signature)
        return _signer(_status_lines(home, message))


def _status_lines(home: Path, message: bytes) -> list[list[str]]:
    arguments = ["gpgv", "--homedir", str(home), "--keyring", str(home / "keys.gpg"), "--status-fd", "1"]
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
    try:
        finished = subprocess.run(
            [*arguments, str(home / "signature.asc"), "-"],
            input=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise SigningFailed(
            "gpgv is not installed, so OpenPGP signatures are not known", remedy="install gpgv"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SigningFailed(f"gpgv did not answer within {TIMEOUT:g} seconds", remedy="try again") from error
    lines = finished.stdout.decode("utf-8", errors="replace").splitlines()
    return [line.removeprefix(_PREFIX).split() for line in lines if line.startswith(_PREFIX)]


def _signer(status: Sequence[Sequence[str]]) -> str:
    words = [line[0] for line in status if line]
    for word, why in _REFUSALS.items():
        if word in words:
            raise SignatureInvalid(why)
    valid = [line for line in status if line and line[0] == "VALIDSIG"]
    if len(valid) != 1 or len(valid[0]) < 11 or words.count("GOODSIG") != 1 or words.count("NEWSIG") > 1:
        raise SignatureInvalid("not exactly one good OpenPGP signature", expected="one signature")
    _, _, _, _, _, _, _, algorithm, hashed_with, kind, fingerprint = valid[0][:11]
    if hashed_with not in _STRONG_HASHES or algorithm in _WEAK_KEYS or kind not in ("00", "01"):
        raise SignatureInvalid("an OpenPGP signature with weak or unusual algorithms", expected="SHA-256 or longer")
    return f"openpgp:{fingerprint.upper()}"
