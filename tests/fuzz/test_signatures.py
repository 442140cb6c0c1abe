"""Signatures, keys and commits with anything in them: good, or refused; never good for what nobody signed."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.damage import damaged
from fuzz.mutation import mutated
from fuzz.reading import assert_worded
from interlock.approvals.gpg import keys_of_block
from interlock.approvals.ssh_wire import string
from interlock.approvals.sshsig import verify
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.documents.public_keys import MalformedKey, PublicKey, key_fingerprint, public_key
from interlock.errors import EvidenceError, SignatureInvalid
from interlock.evidence.dsse import IN_TOTO, pae
from interlock.evidence.weights_keys import as_ssh_key, pem_digest, usable
from interlock.evidence.weights_signature import BUNDLE, PREDICATE, disagreement, maker_of, read_weights_signature
from interlock.history.commit_objects import split_signature, take_apart

MESSAGE = b"what was signed"
_EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
_CURVE = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
_EDWARDS_BLOB = string(b"ssh-ed25519") + string(_EDWARDS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
_EDWARDS_KEY = PublicKey("ssh-ed25519", _EDWARDS_BLOB)
_CURVE_KEY = as_ssh_key(_CURVE.public_key())


def _signature_blob(namespace: bytes = b"git") -> bytes:
    digest = hashlib.sha512(MESSAGE).digest()
    signed = b"SSHSIG" + string(namespace) + string(b"") + string(b"sha512") + string(digest)
    made = string(b"ssh-ed25519") + string(_EDWARDS.sign(signed))
    parts = (_EDWARDS_BLOB, namespace, b"", b"sha512", made)
    return b"SSHSIG\0\0\0\1" + b"".join(map(string, parts))


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


_BLOB = _signature_blob()
_COMMIT = (
    b"tree " + b"1" * 40 + b"\nparent " + b"2" * 40 + b"\nauthor A <a@example.com> 1 +0000\n"
    b"committer A <a@example.com> 1 +0000\nmergetag object 1\n type commit\n gpgsig x\nencoding latin-1\ngpgsig "
    + _armoured(_BLOB).rstrip("\n").replace("\n", "\n ").encode()
    + b"\ngpgsig-sha256 x\n y\n\nA message\n gpgsig no header\n"
)
_FILES = tuple(
    ArtifactFile(path=path, digest=Digest("sha256:" + digit * 64), size=1) for path, digit in (("a", "1"), ("b", "2"))
)

_STATED = {file.path: file.digest for file in _FILES}


def _statement() -> dict[str, Any]:
    root = hashlib.sha256(b"".join(bytes.fromhex(file.digest.hex) for file in _FILES)).hexdigest()
    made = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    resources = [{"name": file.path, "algorithm": "sha256", "digest": file.digest.hex} for file in _FILES]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "bot", "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": made, "resources": resources},
    }


def _bundle(statement: object) -> dict[str, Any]:
    payload = json.dumps(statement, default=str).encode()
    made = _CURVE.sign(pae(IN_TOTO, payload), ec.ECDSA(hashes.SHA256()))
    return {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": pem_digest(_CURVE.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": base64.b64encode(made).decode(), "keyid": ""}],
        },
    }


_BUNDLE = _bundle(_statement())


def good_or_refused(signature: str, message: bytes = MESSAGE) -> bool:
    """Whether it is good, and then by the key that signed."""
    try:
        signed = verify(message, signature, "git")
    except SignatureInvalid as error:
        assert_worded(error.found)
        return False
    assert signed.fingerprint == _EDWARDS_KEY.fingerprint
    return True


def test_the_signature_that_is_damaged_below_was_good() -> None:
    assert good_or_refused(_armoured(_BLOB))
    assert not good_or_refused(_armoured(_BLOB), MESSAGE + b"!")
    assert not good_or_refused(_armoured(_signature_blob(b"other")))
    assert maker_of(read_weights_signature(json.dumps(_BUNDLE).encode()), [_CURVE_KEY]).fingerprint


@cases(300, damaged(st.just(_BLOB)))
def test_a_damaged_signature_is_refused(blob: bytes) -> None:
    assert good_or_refused(_armoured(blob)) is (blob == _BLOB)


@cases(300, damaged(st.just(_armoured(_BLOB).encode())))
def test_damaged_armour_is_refused_or_holds_the_same_signature(text: bytes) -> None:
    good_or_refused(text.decode("latin-1"))
    assert not good_or_refused(text.decode("latin-1"), b"something else")


@cases(300, damaged(st.just(_COMMIT)))
def test_a_damaged_commit_is_split_as_git_splits_it(data: bytes) -> None:
    payload, signature, _ = split_signature(data)
    assert (payload, signature) == as_git_does(data)
    found = take_apart("0" * 40, data)
    assert found.flaw or (len(found.tree) == 40 and all(len(parent) == 40 for parent in found.parents))


def as_git_does(data: bytes) -> tuple[bytes, bytes]:
    """`parse_buffer_signed_by_header` of git's commit.c, line by line."""
    payload, signature = b"", b""
    in_signature = other_signature = False
    rest = data
    while rest:
        line, newline, _ = rest.partition(b"\n")
        line, rest = line + newline, rest[len(line) + len(newline) :]
        sig = None
        if in_signature and line[:1] == b" ":
            sig = line[1:]
        elif line.startswith(b"gpgsig "):
            sig, other_signature = line[len(b"gpgsig ") :], False
        elif line.startswith(b"gpgsig"):
            other_signature = True
        elif other_signature and line[:1] != b" ":
            other_signature = False
        if sig is not None:
            signature += sig
        else:
            if line[:1] == b"\n":
                line, rest = line + rest, b""
            if not other_signature:
                payload += line
        in_signature = sig is not None
    return payload, signature


def weights_good_or_refused(data: bytes) -> None:
    """A signature that counts states exactly the files that were signed."""
    try:
        signature = read_weights_signature(data)
    except EvidenceError as error:
        assert_worded(error.found, error.expected)
        return
    assert disagreement(signature, _FILES) == "" or signature.files != _STATED
    if maker_of(signature, [_CURVE_KEY, _EDWARDS_KEY]).fingerprint:
        assert signature.signed == pae(IN_TOTO, base64.b64decode(_BUNDLE["dsseEnvelope"]["payload"]))
        assert not disagreement(signature, _FILES)


@cases(200, damaged(st.just(json.dumps(_BUNDLE).encode())))
def test_a_damaged_signature_over_weights_is_refused(data: bytes) -> None:
    weights_good_or_refused(data)


@cases(200, mutated(st.just(_BUNDLE)))
def test_another_bundle_is_refused(bundle: Any) -> None:
    weights_good_or_refused(json.dumps(bundle, default=str).encode())


@cases(200, mutated(st.just(_statement())))
def test_a_signed_statement_of_any_form_is_read_or_refused(statement: Any) -> None:
    try:
        signature = read_weights_signature(json.dumps(_bundle(statement), default=str).encode())
    except EvidenceError as error:
        assert_worded(error.found, error.expected)
        return
    assert disagreement(signature, _FILES) == "" or signature.files != _STATED


@cases(300, damaged(st.sampled_from([_EDWARDS_KEY.line.encode(), _CURVE_KEY.line.encode(), b"openpgp:" + b"AB" * 20])))
def test_a_damaged_key_is_a_key_or_malformed(text: bytes) -> None:
    try:
        key_fingerprint(text.decode("latin-1"))
        usable(public_key(text.decode("latin-1")))
    except MalformedKey as error:
        assert_worded(str(error))


@cases(200, damaged(st.sampled_from([_EDWARDS_BLOB, _CURVE_KEY.blob])))
def test_a_damaged_blob_in_the_roster_signs_nothing(blob: bytes) -> None:
    text = f"ecdsa-sha2-nistp256 {base64.b64encode(blob).decode()}"
    try:
        key = public_key(text)
    except MalformedKey:
        return
    public = usable(key)
    assert public is None or key == _CURVE_KEY or public != _CURVE.public_key()


_BLOCK = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmDMEZ\nAAAA\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"


@cases(200, damaged(st.just(_BLOCK)))
def test_a_damaged_block_of_gpg_holds_keys_or_is_refused(text: bytes) -> None:
    try:
        keys_of_block(text)
    except SignatureInvalid as error:
        assert_worded(error.found)
