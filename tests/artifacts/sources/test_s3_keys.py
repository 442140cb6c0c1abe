"""Where the keys for buckets come from: settings, environment, what AWS tools would find, or nowhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.artifacts.sources import SourceAccess
from interlock.artifacts.sources.access import S3Place
from interlock.artifacts.sources.reading import Request
from interlock.artifacts.sources.s3 import object_request
from interlock.errors import ArtifactUnreachable
from support.absent_packages import without_packages

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def request(*places: S3Place, uri: str = "s3://adapters/bot/7") -> Request:
    return object_request(uri, "adapter_config.json", SourceAccess(s3=places), "GET", NOW)


def key_of(asked: Request) -> str:
    return asked.headers["Authorization"].partition("Credential=")[2].partition("/")[0]


def test_keys_of_the_settings_come_before_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    with without_packages("botocore"):
        asked = request()
    assert key_of(asked) == "ENVIRONMENT"
    assert asked.headers["x-amz-security-token"] == "t"
    assert key_of(request(S3Place(key_id="SETTINGS", secret_key="s"))) == "SETTINGS"


def test_keys_of_a_profile_are_those_that_aws_tools_find(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[ml]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n")
    assert key_of(request(S3Place(profile="ml"))) == "PROFILE"


@pytest.mark.parametrize("profile", ["", "not-there"])
def test_without_keys_that_is_told_with_what_to_do(profile: str) -> None:
    with pytest.raises(ArtifactUnreachable) as caught:
        request(S3Place(profile=profile))
    assert "anonymous: true" in caught.value.expected
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


def test_without_botocore_the_extra_is_named() -> None:
    with without_packages("botocore"), pytest.raises(ArtifactUnreachable, match="botocore") as caught:
        request(S3Place(profile="other"))
    assert "pip install 'interlock[s3]'" in caught.value.remedy


def test_a_public_bucket_is_asked_without_keys_and_others_with_theirs() -> None:
    places = (S3Place(key_id="K", secret_key="s"), S3Place(bucket="public-bucket", anonymous=True))
    assert dict(request(*places, uri="s3://public-bucket/x").headers) == {}
    assert key_of(request(*places)) == "K"


@pytest.mark.parametrize(
    ("place", "uri", "url"),
    [
        (S3Place(), "s3://adapters/a+b", "https://adapters.s3.us-east-1.amazonaws.com/a%2Bb/"),
        (S3Place(region="eu-west-3"), "s3://my.adapters/x", "https://s3.eu-west-3.amazonaws.com/my.adapters/x/"),
        (S3Place(endpoint="http://h:9000/"), "s3://adapters", "http://h:9000/adapters/"),
        (
            S3Place(endpoint="https://r2.example", virtual_host=True),
            "s3://adapters/x",
            "https://adapters.r2.example/x/",
        ),
    ],
)
def test_a_bucket_is_found_where_it_is(place: S3Place, uri: str, url: str) -> None:
    assert request(replace(place, anonymous=True), uri=uri).url == f"{url}adapter_config.json"
