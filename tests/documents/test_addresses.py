"""The addresses of artifacts beyond this machine: which forms are accepted, and what the others are told."""

from __future__ import annotations

import pytest

from interlock.documents.addresses import bucket_and_key, hub_parts, registry_parts
from interlock.documents.fields import artifact_uri

DIGEST, COMMIT = f"sha256:{'a' * 64}", "b" * 40


@pytest.mark.parametrize(
    "uri",
    [
        "https://host/a",
        "https://host:8443/a/b%20c/",
        "https://[::1]:8443/a",
        "s3://adapters",
        "s3://adapters/sha256/1f3a/",
        f"oci://registry.example.com/ml/support-bot@{DIGEST}",
        f"oci://localhost:5000/bot@{DIGEST}",
        f"hf://owner/repository@{COMMIT}",
        f"hf://gpt2@{COMMIT}/adapters/bot",
    ],
)
def test_an_address_of_each_form_is_accepted(uri: str) -> None:
    assert artifact_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://host",
        "https:host/a",
        "https://user:password@host/a",
        "https://host/a?token=x",
        "https://host/a#b",
        "https://host/a/../b",
        "https://host/a/%2e%2E/b",
        "https://host/a%2fb",
        "https://host/a%0d%0ab",
        "https://host/a%",
        "https://host:99999999/a",
        "https://-host/a",
        "s3://Adapters/x",
        "s3://a/x",
        "s3://adapters/../x",
        "s3://adapters//x",
        "s3://adapters/x?versionId=1",
        "oci://registry.example.com/bot:7",
        f"oci://registry.example.com/bot:7@{DIGEST}",
        f"oci://bot@{DIGEST}",
        f"oci://user@registry.example.com/bot@{DIGEST}",
        "oci://registry.example.com/bot@sha256:abc",
        "hf://owner/repository",
        "hf://owner/repository@main",
        f"hf://a/b/c@{COMMIT}",
        f"hf://owner/repository@{COMMIT}/../other",
        f"hf://../api@{COMMIT}",
    ],
)
def test_any_other_form_is_told_what_its_kind_looks_like(uri: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {uri.partition(':')[0]}://"):
        artifact_uri(uri)


def test_an_address_falls_into_its_parts() -> None:
    assert bucket_and_key("s3://adapters/sha256/1f3a/") == ("adapters", "sha256/1f3a")
    assert bucket_and_key("s3://adapters") == ("adapters", "")
    assert registry_parts(f"oci://r.io:5000/ml/bot@{DIGEST}") == ("r.io:5000", "ml/bot", DIGEST)
    assert hub_parts(f"hf://owner/bot@{COMMIT}/sub/dir/") == ("owner/bot", COMMIT, "sub/dir")
    assert hub_parts(f"hf://gpt2@{COMMIT}") == ("gpt2", COMMIT, "")
