"""Reads the signature over an adapter's files in the format of OpenSSF model-signing, and says whose key made it.

Called by `checking.signature_reading`. The format is a Sigstore bundle v0.3 with a DSSE envelope around an in-toto
statement, which lists the digest of every file (https://model_signing/signature/v1.0). Verified offline, with a plain
key (ECDSA on a NIST curve) or a certificate for one; whose key it is, the roster says. Refused is what leaves room:
other files than the manifest lists, and older forms of the format. Who issued a certificate is not asked.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from interlock.documents.canonical_json import strict_json
from interlock.documents.identifiers import Digest, InvalidIdentifier
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.documents.public_keys import PublicKey
from interlock.errors import EvidenceError
from interlock.evidence.dsse import IN_TOTO, pae
from interlock.evidence.statements import STATEMENT

MAX_BYTES = 256 * 1024
MAX_RESOURCES = 1000
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
_HINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class WeightsSignature:
    """A signature that has been read and not verified.

    `hint` is the SHA-256 of the signer's public key in PEM, or ""; `certificate` the signer's certificate (DER), or
    empty. `signed` are the bytes that `signature` is over, `files` the digests by path that they state.
    """

    hint: str
    certificate: bytes
    signed: bytes
    signature: bytes
    files: Mapping[str, Digest]


def read_weights_signature(data: bytes) -> WeightsSignature:
    """Read a signature file; verifies nothing.

    Raises:
        EvidenceError: it is no such file, or leaves room for several meanings.
    """
    if len(data) > MAX_BYTES:
        _refuse(f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
    try:
        bundle = _mapping(strict_json(data), "the file")
    except ValueError:
        _refuse("no JSON that can be read in one way only", "one JSON object in UTF-8, each key once")
    if bundle.get("mediaType") != BUNDLE:
        _refuse("no Sigstore bundle of version 0.3", f"mediaType {BUNDLE}")
    hint, certificate = _material(_mapping(bundle.get("verificationMaterial"), "verificationMaterial"))
    envelope = _mapping(bundle.get("dsseEnvelope"), "dsseEnvelope")
    signatures = envelope.get("signatures")
    if envelope.get("payloadType") != IN_TOTO or not isinstance(signatures, list) or len(signatures) != 1:
        _refuse("an envelope of another type, or without exactly one signature", f"payloadType {IN_TOTO}")
    payload = _bytes(envelope.get("payload"), "payload")
    signature = _bytes(_mapping(signatures[0], "the signature").get("sig"), "sig")
    return WeightsSignature(hint, certificate, pae(IN_TOTO, payload), signature, _files(payload))


def disagreement(signature: WeightsSignature, files: Iterable[ArtifactFile]) -> str:
    """How the signed digests differ from the files of a manifest; empty where they are exactly the same."""
    promised = {file.path: file.digest for file in files}
    for path in sorted(promised.keys() | signature.files.keys()):
        if path not in signature.files:
            return f"{path} is not signed"
        if path not in promised:
            return f"{path!r} is signed, and the revision has no such file"
        if signature.files[path] != promised[path]:
            return f"{path} is signed with the digest {signature.files[path]}, and the revision has {promised[path]}"
    return ""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made a signature: the fingerprint of the key (`SHA256:…`), or why no key did (`flaw`).

    `stranger` says that it was made, if at all, by a key that is not among those that were asked about. `days` are the
    first and the last day of the certificate, where there is one.
    """

    fingerprint: str = ""
    flaw: str = ""
    stranger: bool = False
    days: tuple[dt.date, dt.date] | None = None


def maker_of(signature: WeightsSignature, keys: Iterable[PublicKey]) -> Maker:
    """Which of `keys` made a signature over exactly what it states."""
    from interlock.evidence.weights_keys import UnusableCertificate, certified_key, pem_digest, usable, verifies

    known = {key: public for key in keys if (public := usable(key))}
    days = None
    if signature.certificate:
        try:
            wanted, days = certified_key(signature.certificate)
        except UnusableCertificate as error:
            return Maker(flaw=str(error))
        candidates = {key: public for key, public in known.items() if key == wanted}
    elif signature.hint:
        candidates = {key: public for key, public in known.items() if pem_digest(public) == signature.hint}
    else:
        candidates = known
    for key, public in candidates.items():
        if verifies(public, signature.signature, signature.signed):
            return Maker(key.fingerprint, days=days)
    if candidates and (signature.certificate or signature.hint):
        return Maker(flaw="it does not verify with the key that it names")
    return Maker(stranger=True)


def _material(material: Mapping[str, Any]) -> tuple[str, bytes]:
    """The hint at the key, or the certificate; exactly one of the two must be there."""
    if ("publicKey" in material) == ("x509CertificateChain" in material) or "certificate" in material:
        _refuse("no plain key and no certificate, or both", "publicKey, or x509CertificateChain: no keyless signature")
    if "publicKey" in material:
        hint = _mapping(material["publicKey"], "publicKey").get("hint") or ""
        if not isinstance(hint, str) or not (hint == "" or _HINT.fullmatch(hint)):
            _refuse("a hint at a key that is none", "64 lower-case hexadecimal digits")
        return hint, b""
    chain = _mapping(material["x509CertificateChain"], "x509CertificateChain").get("certificates")
    if not isinstance(chain, list) or not 0 < len(chain) <= 10:
        _refuse("a chain of no certificates, or of too many", "1 to 10 certificates, the signer's own first")
    return "", _bytes(_mapping(chain[0], "the certificate").get("rawBytes"), "rawBytes")


def _files(payload: bytes) -> Mapping[str, Digest]:
    try:
        statement = _mapping(strict_json(payload), "the payload")
    except ValueError:
        _refuse("a payload that cannot be read in one way only", "one JSON object in UTF-8, each key once")
    if statement.get("_type") != STATEMENT or statement.get("predicateType") != PREDICATE:
        _refuse("a statement of another type", f"predicateType {PREDICATE}; sign again with model-signing 1.0 or later")
    predicate = _mapping(statement.get("predicate"), "predicate")
    made = _mapping(predicate.get("serialization"), "serialization")
    if made.get("method") != "files" or made.get("hash_type") != "sha256" or made.get("allow_symlinks") is not False:
        _refuse("digests that were made in another way", "method files, hash_type sha256, no symbolic links")
    resources = predicate.get("resources")
    if not isinstance(resources, list) or not 0 < len(resources) <= MAX_RESOURCES:
        _refuse("a statement about no files, or about too many", f"1 to {MAX_RESOURCES} resources")
    files = dict(map(_resource, resources))
    if len(files) != len(resources):
        _refuse("a file that is stated twice", "each file once")
    _compare_root(statement.get("subject"), files)
    return files


def _compare_root(subject: object, files: Mapping[str, Digest]) -> None:
    """The subject is the digest over all digests, in their order."""
    root = hashlib.sha256(b"".join(bytes.fromhex(digest.hex) for digest in files.values())).hexdigest()
    if not isinstance(subject, list) or len(subject) != 1:
        _refuse("a statement about several models, or none", "one subject")
    if _mapping(_mapping(subject[0], "subject").get("digest"), "subject.digest").get("sha256") != root:
        _refuse("a subject that is not the digest of the files", f"sha256 {root}")


def _resource(value: object) -> tuple[str, Digest]:
    resource = _mapping(value, "a resource")
    name = resource.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 400 or resource.get("algorithm") != "sha256":
        _refuse("a resource without name or with another algorithm", "name, algorithm sha256, digest")
    try:
        return name, Digest(f"sha256:{resource.get('digest')}")
    except InvalidIdentifier:
        _refuse("a resource whose digest is none", "64 lower-case hexadecimal digits")


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{where} is no JSON object", "an object")
    return value


def _bytes(value: object, where: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        _refuse(f"a {where} that is not base64", "bytes in base64")
    return data


def _refuse(found: str, expected: str) -> NoReturn:
    raise EvidenceError(found, expected=expected, remedy="sign the files again")
