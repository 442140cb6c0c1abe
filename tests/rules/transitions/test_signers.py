"""What is promoted where people ask for it carries the signature of a builder, by a key that counts on that day."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_ssh_private_key

from support.absent_packages import without_packages
from support.changes import Proposal
from support.repositories import artifact, environment, pointer
from support.signed_weights import ROSTER, give_key, sign_weights_of
from support.signing_keys import SigningKey, make_key

STAGING = pointer("staging", "support-bot")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return make_key(tmp_path / "keys", "weights", "ecdsa-256")


def ask_for_signatures(proposal: Proposal) -> None:
    policy = {"kind": "Policy", "environments": ["staging"], "approvals": {"count": 1}, "weights_signature": "required"}
    proposal.repository.write("policies/staging.yaml", policy)
    proposal.merge()


def signed(proposal: Proposal, key: SigningKey, *, by: str = "trainer-ci", roster_key: object = "") -> None:
    """Revision 3 is merged and signed with this key; the roster gives `roster_key` to trainer-ci (None: nothing)."""
    sign_weights_of(proposal.repository, "support-bot@3", by, listed=False, key=key)
    if roster_key is not None:
        give_key(proposal.repository, "trainer-ci", roster_key or key.public)
    proposal.merge()


def promote(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")


def test_a_builder_s_signature_passes(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key)
    promote(proposal)
    proposal.passes()


def test_weights_without_a_signature_are_refused_where_the_policy_asks(proposal: Proposal) -> None:
    ask_for_signatures(proposal)
    promote(proposal)
    proposal.refused("signature-missing", STAGING, '"3"')


def test_nobody_asks_for_a_signature_elsewhere(proposal: Proposal) -> None:
    promote(proposal)
    proposal.passes()


def test_a_rollback_to_weights_without_a_signature_is_free(proposal: Proposal) -> None:
    promote(proposal)
    proposal.merge()
    ask_for_signatures(proposal)
    proposal.repository.point("staging", "support-bot", active="2")
    proposal.passes()


def test_a_key_that_nobody_has_signs_nothing(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key, roster_key=None)
    promote(proposal)
    assert "no key of the roster made it" in proposal.refused("signer-not-builder", STAGING, '"3"').found


def test_a_key_that_comes_with_the_promotion_does_not_count_for_it(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key, roster_key=None)
    give_key(proposal.repository, "trainer-ci", key.public)
    promote(proposal)
    beside = {"policy-not-alone", "pointer-not-alone"}
    found = proposal.refused("signer-not-builder", STAGING, '"3"', beside=beside)
    assert "nobody in the roster holds the key" in found.found


def test_another_s_name_in_the_manifest_is_refused(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key, by="other-ci")
    promote(proposal)
    found = proposal.refused("signer-not-builder", STAGING, '"3"').found
    assert "trainer-ci made it, and the manifest says that other-ci did" in found


def test_a_person_is_no_builder(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    people = proposal.repository.read(ROSTER)["people"]
    login = people[0]["login"]
    proposal.repository.change(ROSTER, "people", 0, "keys", to=[key.public])
    proposal.repository.change(ROSTER, "people", 0, "roles", to=[*people[0].get("roles", []), "builder"])
    signed(proposal, key, by=login, roster_key=None)
    promote(proposal)
    assert f"{login} made it, who is no builder" in proposal.refused("signer-not-builder", STAGING, '"3"').found


def test_a_machine_without_the_role_is_no_builder(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key)
    proposal.repository.change(ROSTER, "machines", 0, "roles", to=["attester"])
    proposal.merge()
    promote(proposal)
    assert "who is no builder" in proposal.refused("signer-not-builder", STAGING, '"3"').found


@pytest.mark.parametrize(
    ("dates", "why"),
    [
        ({"until": "2026-11-24"}, ""),
        ({"until": "2026-11-23"}, "ended on 2026-11-23"),
        ({"revoked": "2026-11-01"}, "was revoked on 2026-11-01"),
    ],
)
def test_a_key_signs_by_what_is_known_on_the_day_of_the_promotion(
    proposal: Proposal, key: SigningKey, dates: dict[str, str], why: str
) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key, roster_key={"key": key.public, **dates})
    promote(proposal)
    if why:
        assert why in proposal.refused("signer-not-builder", STAGING, '"3"').found
    else:
        proposal.passes()


def test_a_protected_environment_takes_no_stranger_s_signature_even_if_none_is_asked_for(
    proposal: Proposal, key: SigningKey
) -> None:
    proposal.repository.change(environment("staging"), "protected", to=True)
    policy = {"kind": "Policy", "environments": ["staging"], "approvals": {"count": 1}}
    proposal.repository.write("policies/staging.yaml", policy)
    proposal.merge()
    signed(proposal, key, roster_key=None)
    promote(proposal)
    proposal.refused("signer-not-builder", STAGING, '"3"')


def test_a_certificate_that_is_over_today_does_not_count(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key)
    path = proposal.repository.root / artifact("support-bot", "3") / "model.sig"
    bundle = json.loads(path.read_bytes())
    for last, good in (
        (dt.datetime(2026, 11, 24, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 11, 23, tzinfo=dt.UTC), False),
    ):
        certificates = [{"rawBytes": base64.b64encode(certificate(key, last)).decode()}]
        bundle["verificationMaterial"] = {"x509CertificateChain": {"certificates": certificates}}
        path.write_text(json.dumps(bundle))
        proposal.merge()
        promote(proposal)
        if good:
            proposal.passes()
        else:
            found = proposal.refused("signer-not-builder", STAGING, '"3"').found
            assert "is good from 2026-01-01 to 2026-11-23, and not today" in found
        proposal.repository.git("reset", "--hard", "--quiet", "main")


def test_without_the_package_a_signature_that_counts_is_not_known(proposal: Proposal, key: SigningKey) -> None:
    ask_for_signatures(proposal)
    signed(proposal, key)
    promote(proposal)
    with without_packages("cryptography"):
        found = proposal.refused("signer-not-builder", STAGING, '"3"', exit_status=4, beside={"signature-invalid"})
    assert not found.evaluated


def certificate(key: SigningKey, last: dt.datetime) -> bytes:
    private = load_ssh_private_key(key.path.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trainer-ci")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
    builder = builder.not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).not_valid_after(last)
    return builder.public_key(private.public_key()).sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
