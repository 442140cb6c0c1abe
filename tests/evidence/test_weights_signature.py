"""Signatures over weights are read as OpenSSF model-signing writes them, and whatever leaves room is refused."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key
from cryptography.x509.oid import NameOID

from interlock.artifacts.digests import describe_directory
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.documents.public_keys import PublicKey, public_key
from interlock.errors import EvidenceError, SigningFailed
from interlock.evidence.dsse import IN_TOTO, pae
from interlock.evidence.weights_signature import Maker, disagreement, maker_of, read_weights_signature
from interlock.evidence.weights_signing import sign_weights
from support.signing_keys import SigningKey, make_key

FOREIGN = Path(__file__).with_name("model_signing")
CURVES = ("256", "384", "521")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def files() -> tuple[ArtifactFile, ...]:
    return describe_directory(FOREIGN / "model")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SigningKey]:
    directory = tmp_path_factory.mktemp("keys")
    return {curve: make_key(directory, curve, f"ecdsa-{curve}") for curve in CURVES}


def roster(keys: dict[str, SigningKey]) -> list[PublicKey]:
    return [public_key(key.public) for key in keys.values()]


@pytest.mark.parametrize("name", ["key-p256", "key-p384", "key-p521", "certificate"])
def test_what_model_signing_signed_is_good(name: str, files: tuple[ArtifactFile, ...]) -> None:
    known = [public_key((FOREIGN / f"key-p{curve}.pub").read_text().strip()) for curve in CURVES]
    signature = read_weights_signature((FOREIGN / f"{name}.sig").read_bytes())
    assert disagreement(signature, files) == ""
    expected = known[0] if name == "certificate" else known[CURVES.index(name[-3:])]
    maker = maker_of(signature, known)
    assert (maker.fingerprint, maker.flaw, maker.stranger) == (expected.fingerprint, "", False)
    assert bool(maker.days) == (name == "certificate")
    others = [key for key in known if key != expected]
    assert maker_of(signature, others) == Maker(stranger=True)


@pytest.mark.parametrize("curve", CURVES)
def test_what_we_sign_is_good_and_names_its_key(
    keys: dict[str, SigningKey], curve: str, files: tuple[ArtifactFile, ...]
) -> None:
    signed = sign_weights("bot@7", files, keys[curve].path)
    signature = read_weights_signature(signed.data)
    assert signed.key.line == keys[curve].public
    assert disagreement(signature, files) == ""
    assert maker_of(signature, roster(keys)) == Maker(keys[curve].fingerprint)


def test_a_key_in_pem_signs_too(keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...], tmp_path: Path) -> None:
    private = load_ssh_private_key(keys["256"].path.read_bytes(), None)
    pem = tmp_path / "key.pem"
    pem.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert sign_weights("bot@7", files, pem).key.line == keys["256"].public


def test_a_file_that_is_missing_added_or_changed_is_named(
    keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...]
) -> None:
    signature = read_weights_signature(sign_weights("bot@7", files, keys["256"].path).data)
    config, weights = files
    assert (
        disagreement(signature, [config]) == "'adapter_model.safetensors' is signed, and the revision has no such file"
    )
    extra = weights.model_copy(update={"path": ".gitignore"})
    assert disagreement(signature, [*files, extra]) == ".gitignore is not signed"
    changed = weights.model_copy(update={"digest": config.digest})
    assert "adapter_model.safetensors is signed with the digest" in disagreement(signature, [config, changed])


def test_a_changed_statement_does_not_verify(keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...]) -> None:
    data = changed_payload(keys["256"], files, lambda statement: statement["subject"][0].update(name="other@8"))
    maker = maker_of(read_weights_signature(data), roster(keys))
    assert maker == Maker(flaw="it does not verify with the key that it names")


def test_without_a_hint_every_key_of_the_roster_is_tried(
    keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...]
) -> None:
    bundle = json.loads(sign_weights("bot@7", files, keys["384"].path).data)
    bundle["verificationMaterial"]["publicKey"]["hint"] = ""
    signature = read_weights_signature(json.dumps(bundle).encode())
    assert maker_of(signature, roster(keys)) == Maker(keys["384"].fingerprint)
    assert maker_of(signature, roster({"256": keys["256"]})) == Maker(stranger=True)


def test_keys_of_other_kinds_sign_no_weights(
    tmp_path: Path, keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...]
) -> None:
    person = make_key(tmp_path, "person")
    with pytest.raises(SigningFailed, match="another kind"):
        sign_weights("bot@7", files, person.path)
    with pytest.raises(SigningFailed, match="cannot be read"):
        sign_weights("bot@7", files, tmp_path / "absent")
    with pytest.raises(SigningFailed, match="no private key"):
        sign_weights("bot@7", files, person.public_path)
    curve = ec.generate_private_key(ec.SECP256K1())
    (tmp_path / "k1").write_bytes(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SigningFailed, match="cannot sign weights"):
        sign_weights("bot@7", files, tmp_path / "k1")
    signature = read_weights_signature(sign_weights("bot@7", files, keys["256"].path).data)
    assert maker_of(signature, [public_key(person.public)]) == Maker(stranger=True)


def test_a_certificate_tells_its_days(keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...]) -> None:
    bundle = json.loads(sign_weights("bot@7", files, keys["256"].path).data)
    days = dt.date(2026, 1, 1), dt.date(2026, 11, 24)
    der = base64.b64encode(certificate(keys["256"], *days)).decode()
    bundle["verificationMaterial"] = {"x509CertificateChain": {"certificates": [{"rawBytes": der}]}}
    signature = read_weights_signature(json.dumps(bundle).encode())
    assert maker_of(signature, roster(keys)) == Maker(keys["256"].fingerprint, days=days)


@pytest.mark.parametrize("der", [b"no certificate", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_certificate_vouches_for_nothing(
    keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...], der: bytes
) -> None:
    bundle = json.loads(sign_weights("bot@7", files, keys["256"].path).data)
    text = base64.b64encode(der).decode()
    bundle["verificationMaterial"] = {"x509CertificateChain": {"certificates": [{"rawBytes": text}]}}
    maker = maker_of(read_weights_signature(json.dumps(bundle).encode()), roster(keys))
    assert maker == Maker(flaw="its certificate cannot be read")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.2+json"),
        lambda b: b.update(verificationMaterial={}),
        lambda b: b["verificationMaterial"].update(x509CertificateChain={"certificates": [{"rawBytes": "AAAA"}]}),
        lambda b: b["verificationMaterial"].update(certificate={"rawBytes": "AAAA"}),
        lambda b: b["verificationMaterial"]["publicKey"].update(hint="short"),
        lambda b: b["verificationMaterial"]["publicKey"].update(hint=["x"]),
        lambda b: b["verificationMaterial"].update(publicKey=None),
        lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
        lambda b: b["dsseEnvelope"].update(payload="!"),
        lambda b: b["dsseEnvelope"].update(payload=base64.b64encode(b'{"a": 1, "a": 2}').decode()),
        lambda b: b["dsseEnvelope"].update(signatures=[]),
        lambda b: b["dsseEnvelope"].update(signatures=b["dsseEnvelope"]["signatures"] * 2),
        lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=""),
        lambda b: b.pop("dsseEnvelope"),
    ],
)
def test_a_bundle_of_another_form_is_refused(
    keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...], change: Change
) -> None:
    bundle = json.loads(sign_weights("bot@7", files, keys["256"].path).data)
    change(bundle)
    with pytest.raises(EvidenceError):
        read_weights_signature(json.dumps(bundle).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda s: s.update(predicateType="https://model_signing/Digests/v0.1"),
        lambda s: s.update(subject=s["subject"] * 2),
        lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        lambda s: s["predicate"]["serialization"].update(method="shards"),
        lambda s: s["predicate"]["serialization"].update(hash_type="blake2b"),
        lambda s: s["predicate"]["serialization"].update(allow_symlinks=True),
        lambda s: s["predicate"].update(resources=[]),
        lambda s: s["predicate"].update(resources=s["predicate"]["resources"] * 2),
        lambda s: s["predicate"]["resources"][0].update(algorithm="sha512"),
        lambda s: s["predicate"]["resources"][0].update(digest="AB" * 32),
        lambda s: s["predicate"]["resources"][0].update(name=7),
    ],
)
def test_a_statement_of_another_form_is_refused_even_when_it_is_signed(
    keys: dict[str, SigningKey], files: tuple[ArtifactFile, ...], change: Change
) -> None:
    with pytest.raises(EvidenceError):
        read_weights_signature(changed_payload(keys["256"], files, change, sign_again=True))


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{" * 100_000, b'{"a": 1, "a": 2}', b" " * 300_000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_weights_signature(data)


def changed_payload(
    key: SigningKey, files: tuple[ArtifactFile, ...], change: Change, *, sign_again: bool = False
) -> bytes:
    bundle = json.loads(sign_weights("bot@7", files, key.path).data)
    envelope = bundle["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    payload = json.dumps(statement).encode()
    envelope["payload"] = base64.b64encode(payload).decode()
    if sign_again:
        private = load_ssh_private_key(key.path.read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        made = private.sign(pae(IN_TOTO, payload), ec.ECDSA(hashes.SHA256()))
        envelope["signatures"][0]["sig"] = base64.b64encode(made).decode()
    return json.dumps(bundle).encode()


def certificate(key: SigningKey, first: dt.date, last: dt.date) -> bytes:
    private = load_ssh_private_key(key.path.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trainer-ci")])
    at_noon = [dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC) for day in (first, last)]
    serial = int.from_bytes(hashlib.sha256(str((first, last)).encode()).digest()[:8], "big")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(serial)
    built = builder.public_key(private.public_key()).not_valid_before(at_noon[0]).not_valid_after(at_noon[1])
    return built.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
