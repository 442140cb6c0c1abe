"""Signs the files of an adapter in the format of OpenSSF model-signing, so that its own tool verifies them too.

Called by `interlock register adapter --sign`. The key is an ECDSA key on a NIST curve, in PEM or in OpenSSH's format,
without a passphrase: builders are machines. What is signed are the digests of a manifest, whose bytes were read for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.documents.public_keys import MalformedKey, PublicKey
from interlock.errors import SigningFailed
from interlock.evidence.dsse import IN_TOTO, pae
from interlock.evidence.statements import STATEMENT
from interlock.evidence.weights_signature import BUNDLE, PREDICATE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

SIGNATURE_FILE = "model.sig"
MAX_KEY_BYTES = 64 * 1024
_MAKE_ONE = "run: ssh-keygen -t ecdsa -b 256 -N '' -f weights.key   (and put weights.key.pub into the roster)"


@dataclass(frozen=True, slots=True)
class SignedWeights:
    """The bytes of a signature file, and the key that made it, as the roster writes it."""

    data: bytes
    key: PublicKey


def sign_weights(name: str, files: Iterable[ArtifactFile], key: Path) -> SignedWeights:
    """Sign the digests of `files` with a private key; `name` is what the signature calls the model.

    Raises:
        SigningFailed: the key cannot be read, or cannot sign weights.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    from interlock.evidence.weights_keys import as_ssh_key, hash_for, pem_digest

    private = _private_key(key)
    public = private.public_key()
    try:
        written = as_ssh_key(public)
    except MalformedKey as error:
        raise SigningFailed(f"{key} cannot sign weights: {error}", remedy=_MAKE_ONE) from error
    payload = _statement(name, files)
    made = private.sign(pae(IN_TOTO, payload), ec.ECDSA(hash_for(public)))
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": pem_digest(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": base64.b64encode(made).decode("ascii"), "keyid": ""}],
        },
    }
    return SignedWeights(json.dumps(bundle, indent=1).encode("utf-8") + b"\n", written)


def _statement(name: str, files: Iterable[ArtifactFile]) -> bytes:
    ordered = sorted(files, key=lambda file: file.path)
    root = hashlib.sha256(b"".join(bytes.fromhex(file.digest.hex) for file in ordered)).hexdigest()
    made = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [SIGNATURE_FILE]}
    resources = [{"name": file.path, "algorithm": "sha256", "digest": file.digest.hex} for file in ordered]
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": made, "resources": resources},
    }
    return json.dumps(statement).encode("utf-8")


def _private_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    data = _key_bytes(path)
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        private = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        found = f"{path} is no private key that can be read, or it has a passphrase"
        raise SigningFailed(found, expected="a private key in PEM or OpenSSH's format", remedy=_MAKE_ONE) from error
    if not isinstance(private, EllipticCurvePrivateKey):
        found = f"{path} is a key of another kind than the format of model-signing knows"
        raise SigningFailed(found, expected="an ECDSA key on a NIST curve", remedy=_MAKE_ONE)
    return private


def _key_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_KEY_BYTES)
    except OSError as error:
        raise SigningFailed(f"the key {path} cannot be read: {error.strerror}", remedy=_MAKE_ONE) from error
