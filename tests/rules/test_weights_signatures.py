"""A signature that a manifest names must be one, over exactly the files of the revision."""

from __future__ import annotations

import json

import pytest

from support.absent_packages import without_packages
from support.checks import not_evaluated, passes, refused, warned
from support.repositories import Repository, artifact, manifest
from support.signed_weights import sign_weights_of

REVISION = manifest("support-bot", "2")
SIGNATURE = f"{artifact('support-bot', '2')}/model.sig"
AT = '"model.sig"'


def test_a_good_signature_passes(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    passes(repository)


def test_a_signature_by_a_key_that_is_gone_from_the_roster_breaks_nothing_that_stands(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci", listed=False)
    passes(repository)


def test_a_signature_that_is_not_there_is_refused(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    repository.remove(SIGNATURE)
    refused(repository, "signature-invalid", REVISION, AT)


def test_a_signature_over_other_files_is_refused(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    signed = (repository.root / SIGNATURE).read_bytes()
    sign_weights_of(repository, "support-bot@3", "trainer-ci")
    repository.write(f"{artifact('support-bot', '3')}/model.sig", signed)
    found = refused(repository, "signature-invalid", manifest("support-bot", "3"), AT)
    assert "is signed with the digest" in found.found


def test_a_changed_signature_is_refused(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    bundle = json.loads((repository.root / SIGNATURE).read_bytes())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = "MAYCAQECAQE="
    repository.write(SIGNATURE, json.dumps(bundle))
    assert "does not verify" in refused(repository, "signature-invalid", REVISION, AT).found


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b"x" * 300_000])
def test_what_is_no_signature_is_refused(repository: Repository, data: bytes) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    repository.write(SIGNATURE, data)
    refused(repository, "signature-invalid", REVISION, AT)


def test_without_the_package_a_signature_of_what_is_served_is_not_known(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    with without_packages("cryptography"):
        found = not_evaluated(repository, "signature-invalid", REVISION, AT)
    assert "cryptography is not installed" in found.found
    assert "interlock[signatures]" in found.remedy


def test_without_the_package_nothing_else_changes(repository: Repository) -> None:
    with without_packages("cryptography"):
        passes(repository)


def test_without_the_package_a_signature_that_nothing_serves_is_a_warning(repository: Repository) -> None:
    for environment in ("dev", "staging", "production"):
        repository.point(environment, "support-bot", active="1")
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    with without_packages("cryptography"):
        warned(repository, "signature-invalid", REVISION, AT)
