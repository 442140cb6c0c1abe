"""The keys that sign weights: ECDSA on the NIST curves, as model-signing uses them. Called by its neighbours.

The roster writes them as SSH keys (`ecdsa-sha2-nistp256 AAAA…`); model-signing reads the same keys as PEM.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from interlock.documents.public_keys import MalformedKey, PublicKey, public_key

_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


class UnusableCertificate(Exception):
    """A certificate that names no key that can sign weights; the message says why."""


def usable(key: PublicKey) -> ec.EllipticCurvePublicKey | None:
    """The key of the roster as a key that can sign weights; None for one of another kind."""
    if not key.algorithm.startswith("ecdsa-sha2-"):
        return None
    try:
        public = load_ssh_public_key(key.line.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return public if isinstance(public, ec.EllipticCurvePublicKey) else None


def as_ssh_key(public: ec.EllipticCurvePublicKey) -> PublicKey:
    """The key as the roster writes it.

    Raises:
        MalformedKey: it is on a curve that SSH does not know.
    """
    try:
        return public_key(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedKey("expected a key on the curve nistp256, nistp384 or nistp521") from error


def pem_digest(public: ec.EllipticCurvePublicKey) -> str:
    """The SHA-256 of the key in PEM, by which a signature names it."""
    return hashlib.sha256(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def hash_for(public: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    """The hash that belongs to the curve of a key."""
    return _HASHES[public.curve.key_size]


def verifies(public: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is this key's over this message."""
    try:
        public.verify(signature, message, ec.ECDSA(hash_for(public)))
    except InvalidSignature:
        return False
    return True


def certified_key(der: bytes) -> tuple[PublicKey, tuple[dt.date, dt.date]]:
    """The key that a certificate is for, and its first and last day. Who issued it is not asked: the roster must name
    the key itself.

    Raises:
        UnusableCertificate: it cannot be read, or is for a key that cannot sign weights.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        public = certificate.public_key()
        days = (certificate.not_valid_before_utc.date(), certificate.not_valid_after_utc.date())
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise UnusableCertificate("its certificate is for a key that is not on an elliptic curve")
        return as_ssh_key(public), days
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableCertificate("its certificate cannot be read") from error
