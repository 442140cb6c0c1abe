"""Signatures are judged natively as `ssh-keygen` judges them, and more strictly where that is said."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from interlock.approvals.ssh_wire import string
from interlock.approvals.sshsig import sign, verify
from interlock.documents.public_keys import MalformedKey, key_fingerprint, public_key
from interlock.errors import SignatureInvalid, SigningFailed
from support.signing_keys import KINDS, SigningKey, make_key, ssh_keygen_accepts, ssh_keygen_verifies

MESSAGE = b"the digest of a tree\n"
NAMESPACE = "interlock-approval"
HARDWARE = "sk-ssh-ed25519@openssh.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SigningKey]:
    directory = tmp_path_factory.mktemp("keys")
    return {kind: make_key(directory, kind, kind) for kind in KINDS}


@pytest.fixture
def agree(tmp_path: Path) -> Agreement:
    return Agreement(tmp_path)


@dataclass(frozen=True)
class Agreement:
    """Asks both: ours and `ssh-keygen`."""

    directory: Path

    def both(self, signature: str, message: bytes = MESSAGE, namespace: str = NAMESPACE) -> bool:
        """The verdict of both, which must be the same."""
        ours = accepted(signature, message, namespace)
        assert ours == ssh_keygen_accepts(self.directory, message, signature, namespace)
        return ours

    def only_ours_refuses(self, signature: str) -> None:
        assert not accepted(signature, MESSAGE, NAMESPACE)
        assert ssh_keygen_accepts(self.directory, MESSAGE, signature, NAMESPACE)


def accepted(signature: str, message: bytes, namespace: str) -> bool:
    try:
        verify(message, signature, namespace)
    except SignatureInvalid:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_of_each_kind_of_key_is_good_and_names_the_key(
    keys: dict[str, SigningKey], kind: str, agree: Agreement
) -> None:
    signature = keys[kind].sign(MESSAGE, NAMESPACE)
    assert agree.both(signature)
    signed = verify(MESSAGE, signature, NAMESPACE)
    assert signed.key == keys[kind].public
    assert signed.fingerprint == keys[kind].fingerprint == key_fingerprint(keys[kind].public)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hashed_with", ["sha256", "sha512"])
def test_both_hashes_of_the_format_are_read(
    keys: dict[str, SigningKey], kind: str, hashed_with: str, agree: Agreement
) -> None:
    assert agree.both(keys[kind].sign(MESSAGE, NAMESPACE, f"hashalg={hashed_with}"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_counts_for_its_message_and_its_purpose_only(
    keys: dict[str, SigningKey], kind: str, agree: Agreement
) -> None:
    signature = keys[kind].sign(MESSAGE, NAMESPACE)
    assert not agree.both(signature, message=MESSAGE + b"x")
    assert not agree.both(signature, message=b"")
    assert not agree.both(signature, namespace="git")


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_broken_at_any_byte_is_refused_by_both(
    keys: dict[str, SigningKey], kind: str, agree: Agreement
) -> None:
    blob = unarmoured(keys[kind].sign(MESSAGE, NAMESPACE))
    for at in range(0, len(blob), max(1, len(blob) // 12)):
        changed = bytearray(blob)
        changed[at] ^= 0x41
        assert not accepted(armoured(bytes(changed)), MESSAGE, NAMESPACE)
        assert not accepted(armoured(blob[:at]), MESSAGE, NAMESPACE)
    assert not agree.both(armoured(blob[:-1]))
    assert not agree.both(armoured(blob[:-1] + bytes([blob[-1] ^ 1])))
    assert not agree.both(armoured(blob + b"x"))


def test_another_key_in_place_of_the_signer_s_is_refused(keys: dict[str, SigningKey], agree: Agreement) -> None:
    mine, theirs = public_key(keys["ed25519"].public).blob, public_key(make_key(agree.directory, "other").public).blob
    blob = unarmoured(keys["ed25519"].sign(MESSAGE, NAMESPACE))
    assert not agree.both(armoured(blob.replace(mine, theirs)))


def test_a_foreign_key_is_good_by_itself_and_is_told_apart_by_its_fingerprint(
    keys: dict[str, SigningKey], agree: Agreement
) -> None:
    foreign = make_key(agree.directory, "foreign")
    signature = foreign.sign(MESSAGE, NAMESPACE)
    assert not ssh_keygen_verifies(agree.directory, keys["ed25519"], MESSAGE, signature, NAMESPACE)
    assert verify(MESSAGE, signature, NAMESPACE).fingerprint != keys["ed25519"].fingerprint


@pytest.mark.parametrize(
    ("algorithm", "expected"), [("rsa-sha2-256", True), ("rsa-sha2-512", True), ("ssh-rsa", False)]
)
def test_rsa_signs_with_sha2_and_never_with_sha1(
    keys: dict[str, SigningKey], algorithm: str, expected: bool, agree: Agreement
) -> None:
    private = load_ssh_private_key(keys["rsa"].path.read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    hashed: dict[str, hashes.HashAlgorithm] = {
        "rsa-sha2-256": hashes.SHA256(),
        "rsa-sha2-512": hashes.SHA512(),
        "ssh-rsa": hashes.SHA1(),
    }
    made = private.sign(to_be_signed(), rsa_padding.PKCS1v15(), hashed[algorithm])
    assert (
        agree.both(assembled(public_key(keys["rsa"].public).blob, string(algorithm.encode()) + string(made)))
        is expected
    )


def test_a_short_rsa_key_is_refused_though_ssh_keygen_takes_it(agree: Agreement) -> None:
    path = agree.directory / "short"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", str(path)], check=True, timeout=60)
    agree.only_ours_refuses(SigningKey(path).sign(MESSAGE, NAMESPACE))


def test_a_hardware_key_that_was_touched_signs(agree: Agreement) -> None:
    assert agree.both(hardware_signature(flags=0x01))
    assert agree.both(hardware_signature(flags=0x05))
    assert not agree.both(hardware_signature(flags=0x01, application=b"ssh:other"))
    assert not agree.both(hardware_signature(flags=0x01, signed_counter=8))


def test_a_hardware_key_on_a_nist_curve_signs(agree: Agreement) -> None:
    assert agree.both(hardware_signature(flags=0x01, curve=True))
    assert not agree.both(hardware_signature(flags=0x01, curve=True, signed_counter=8))


def test_a_hardware_key_that_nobody_touched_is_refused_though_ssh_keygen_takes_it(agree: Agreement) -> None:
    agree.only_ours_refuses(hardware_signature(flags=0x00))


def test_nothing_may_stand_around_the_armour(keys: dict[str, SigningKey], agree: Agreement) -> None:
    signature = keys["ed25519"].sign(MESSAGE, NAMESPACE)
    agree.only_ours_refuses(signature + "trailing words\n")
    assert not agree.both("leading words\n" + signature)
    assert not agree.both(signature.replace("-----END SSH SIGNATURE-----", ""))
    assert not agree.both(signature.replace("BEGIN SSH SIGNATURE", "BEGIN PGP SIGNATURE"))
    assert not agree.both("")


def test_a_weak_hash_named_in_the_signature_is_refused(keys: dict[str, SigningKey], agree: Agreement) -> None:
    private = load_ssh_private_key(keys["ed25519"].path.read_bytes(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    for name in ("md5", "sha1", "shake_128", ""):
        digest = hashlib.new(name, MESSAGE).digest() if name in ("md5", "sha1") else b"x" * 16
        made = private.sign(to_be_signed(name.encode(), digest))
        blob = public_key(keys["ed25519"].public).blob
        assert not agree.both(assembled(blob, string(b"ssh-ed25519") + string(made), hashed_with=name.encode()))


def test_a_certificate_is_no_key_here(keys: dict[str, SigningKey], agree: Agreement) -> None:
    authority, subject = keys["ed25519"], make_key(agree.directory, "subject")
    words = ("-s", str(authority.path), "-I", "anybody", "-n", "root", str(subject.public_path))
    subprocess.run(["ssh-keygen", "-q", *words], check=True, timeout=60)
    certificate = agree.directory / "subject-cert.pub"
    assert certificate.is_file()
    with pytest.raises(MalformedKey):
        key_fingerprint(certificate.read_text())


def test_sign_goes_through_ssh_keygen_and_is_good(keys: dict[str, SigningKey]) -> None:
    signature = sign(MESSAGE, NAMESPACE, keys["ed25519"].path)
    assert verify(MESSAGE, signature, NAMESPACE).fingerprint == keys["ed25519"].fingerprint


def test_sign_works_with_a_key_that_only_an_agent_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path, "in-agent")
    socket = tmp_path / "agent.sock"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert agent.stdout
        agent.stdout.readline()  # it prints where it listens once it does
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(key.path)], check=True, timeout=60, env=dict(os.environ))
        key.path.unlink()
        signature = sign(MESSAGE, NAMESPACE, key.public_path)
    finally:
        agent.terminate()
        agent.wait(10)
        agent.stdout.close() if agent.stdout else None
    assert verify(MESSAGE, signature, NAMESPACE).fingerprint == key.fingerprint


def test_sign_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed, match="no key at"):
        sign(MESSAGE, NAMESPACE, tmp_path / "absent")
    with pytest.raises(SigningFailed, match="no namespace"):
        sign(MESSAGE, "-n evil", tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "empty").chmod(0o600)
    with pytest.raises(SigningFailed, match="ssh-keygen did not sign"):
        sign(MESSAGE, NAMESPACE, tmp_path / "empty")


def test_sign_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path, "slow")
    (tmp_path / "ssh-keygen").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SigningFailed, match=r"within 0\.1 seconds"):
        sign(MESSAGE, NAMESPACE, key.path, timeout=0.1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-dss AAAA",
        "ssh-ed25519 !!!!",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA",
        "openpgp:12",
        "x" * 20_000,
    ],
)
def test_what_is_no_key_has_no_fingerprint(text: str) -> None:
    with pytest.raises(MalformedKey):
        key_fingerprint(text)


def test_a_key_of_gpg_is_named_by_its_fingerprint() -> None:
    assert key_fingerprint("openpgp:" + "ab" * 20) == "openpgp:" + "AB" * 20


def unarmoured(signature: str) -> bytes:
    return base64.b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", signature))


def armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = "\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"


def to_be_signed(hashed_with: bytes = b"sha512", digest: bytes | None = None) -> bytes:
    found = hashlib.sha512(MESSAGE).digest() if digest is None else digest
    return b"SSHSIG" + string(NAMESPACE.encode()) + string(b"") + string(hashed_with) + string(found)


def assembled(key: bytes, made: bytes, *, hashed_with: bytes = b"sha512") -> str:
    parts = (key, NAMESPACE.encode(), b"", hashed_with, made)
    return armoured(b"SSHSIG" + (1).to_bytes(4, "big") + b"".join(string(part) for part in parts))


def hardware_signature(
    *, flags: int, application: bytes = b"ssh:", signed_counter: int = 7, curve: bool = False
) -> str:
    """What a hardware key would make, with the private half in software: `application` is what its key says."""
    to_sign = hashlib.sha256(b"ssh:").digest() + bytes([flags]) + signed_counter.to_bytes(4, "big")
    to_sign += hashlib.sha256(to_be_signed()).digest()
    tail = bytes([flags]) + (7).to_bytes(4, "big")
    if not curve:
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        kind = HARDWARE.encode()
        return assembled(
            string(kind) + string(public) + string(application), string(kind) + string(private.sign(to_sign)) + tail
        )
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    on_curve = ec.generate_private_key(ec.SECP256R1())
    point = on_curve.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    first, second = decode_dss_signature(on_curve.sign(to_sign, ec.ECDSA(hashes.SHA256())))
    numbers = string(mpint(first)) + string(mpint(second))
    return assembled(
        string(kind) + string(b"nistp256") + string(point) + string(application), string(kind) + string(numbers) + tail
    )


def mpint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
