"""Verifies one raw SSH signature with one raw SSH public key, on `cryptography`. Called by `sshsig` alone.

Kinds: ed25519, ECDSA on the three NIST curves, RSA with SHA-2, and the hardware (sk) forms of the first two. Formats:
RFC 4253 §6.6, RFC 5656, RFC 8332, RFC 8709 and OpenSSH's PROTOCOL.u2f.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from interlock.approvals.ssh_wire import WireReader
from interlock.documents.public_keys import ALGORITHMS
from interlock.errors import SignatureInvalid

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16_384
_TOUCHED = 0x01
_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}


def verify_with_key(key: bytes, signature: bytes, message: bytes) -> str:
    """Refuse unless `signature` is this key's over exactly `message`; both as SSH writes them. The kind of the key.

    Raises:
        SignatureInvalid: it is not, or key or signature are of a kind that does not count.
    """
    key_reader, made = WireReader(key, "the public key"), WireReader(signature, "the signature")
    kind = key_reader.string().decode("ascii", errors="replace")
    if kind not in ALGORITHMS:
        raise SignatureInvalid(f"a signature by a key of the kind {kind[:60]!r}", expected=", ".join(ALGORITHMS))
    made_with = made.string().decode("ascii", errors="replace")
    try:
        _verifier(kind)(key_reader, made, made_with, message)
    except InvalidSignature as error:
        raise SignatureInvalid("the signature is not over these bytes, or not by this key") from error
    except ValueError as error:  # what cryptography says of points off the curve and of moduli out of range
        raise SignatureInvalid("the public key is no key", expected="the key of a .pub file") from error
    return kind


def _verifier(kind: str) -> Callable[[WireReader, WireReader, str, bytes], None]:
    if kind == "ssh-rsa":
        return _rsa
    if kind.startswith("sk-"):
        return _hardware_ed25519 if "ed25519" in kind else _hardware_ecdsa
    return _ed25519 if kind == "ssh-ed25519" else _ecdsa


def _ed25519(key: WireReader, made: WireReader, made_with: str, message: bytes) -> None:
    _expect(made_with, "ssh-ed25519")
    public, signature = ed25519.Ed25519PublicKey.from_public_bytes(key.string()), made.string()
    _both_end(key, made)
    public.verify(signature, message)


def _ecdsa(key: WireReader, made: WireReader, made_with: str, message: bytes) -> None:
    curve = key.string().decode("ascii", errors="replace")
    _expect(made_with, f"ecdsa-sha2-{curve}")
    public, signature = _point(key, curve), _numbers(made.string())
    _both_end(key, made)
    public.verify(signature, message, ec.ECDSA(_CURVES[curve][1]))


def _rsa(key: WireReader, made: WireReader, made_with: str, message: bytes) -> None:
    if made_with not in _RSA_HASHES:
        raise SignatureInvalid(f"an RSA signature of the kind {made_with[:60]!r}", expected="rsa-sha2-256 or -512")
    exponent, modulus, signature = key.positive(), key.positive(), made.string()
    _both_end(key, made)
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise SignatureInvalid(f"an RSA key of {modulus.bit_length()} bits", expected=f"at least {MIN_RSA_BITS} bits")
    whole = signature.rjust((modulus.bit_length() + 7) // 8, b"\0")  # leading zeros may be left out
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    public.verify(whole, message, padding.PKCS1v15(), _RSA_HASHES[made_with])


def _hardware_ed25519(key: WireReader, made: WireReader, made_with: str, message: bytes) -> None:
    _expect(made_with, "sk-ssh-ed25519@openssh.com")
    public, application = ed25519.Ed25519PublicKey.from_public_bytes(key.string()), key.string()
    signature, signed = made.string(), _asserted(made, application, message)
    _both_end(key, made)
    public.verify(signature, signed)


def _hardware_ecdsa(key: WireReader, made: WireReader, made_with: str, message: bytes) -> None:
    _expect(made_with, "sk-ecdsa-sha2-nistp256@openssh.com")
    curve = key.string().decode("ascii", errors="replace")
    public, application = _point(key, curve), key.string()
    signature, signed = _numbers(made.string()), _asserted(made, application, message)
    _both_end(key, made)
    public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))


def _asserted(made: WireReader, application: bytes, message: bytes) -> bytes:
    """What a hardware key signs: digests around its flags and its counter. It must have been touched."""
    flags, counter = made.byte(), made.take(4)
    if not flags & _TOUCHED:
        raise SignatureInvalid(
            "a signature of a hardware key that nobody touched", expected="a key with touch required"
        )
    return hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(message).digest()


def _point(key: WireReader, curve: str) -> ec.EllipticCurvePublicKey:
    point = key.string()
    if curve not in _CURVES or point[:1] != b"\x04":
        raise SignatureInvalid("an elliptic key in a form that does not count", expected="an uncompressed NIST point")
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve][0], point)


def _numbers(blob: bytes) -> bytes:
    reader = WireReader(blob, "the signature")
    first, second = reader.positive(), reader.positive()
    reader.end()
    encoded: bytes = encode_dss_signature(first, second)
    return encoded


def _expect(made_with: str, expected: str) -> None:
    if made_with != expected:
        raise SignatureInvalid(f"a signature of the kind {made_with[:60]!r} by another kind of key", expected=expected)


def _both_end(key: WireReader, made: WireReader) -> None:
    key.end()
    made.end()
