"""What an operator writes about sources: read into access, or refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.artifacts.sources.access import HUB, HostLogin, Hub, S3Place, SourceAccess
from interlock.artifacts.sources.settings import VARIABLE, access_from_environment
from interlock.errors import DocumentError, UsageError

WHOLE = """\
kind: Sources
connect: 3s
stall: 5s
deadline: 2m
ca_file: ca.pem
hosts: ["*.example.com", "127.0.0.1:9000"]
plain_http: ["127.0.0.1:5000"]
https:
  - {host: files.example.com, secret_file: token}
s3:
  - {endpoint: "http://127.0.0.1:9000", region: eu-1, key_id: AKID, secret_key_file: token}
  - {bucket: public, anonymous: true}
oci:
  - {host: "127.0.0.1:5000", user: robot, secret_variable: ROBOT, token_host: auth.example.com}
hf: {endpoint: "https://hub.example.com", token_file: token}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret-1\n")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


def access(home: Path, text: str, **environment: str) -> SourceAccess:
    (home / "sources.yaml").write_text(text)
    return access_from_environment({VARIABLE: str(home / "sources.yaml"), **environment})


def test_everything_that_is_written_is_read(home: Path) -> None:
    assert access(home, WHOLE, ROBOT="secret-2") == SourceAccess(
        connect_s=3,
        stall_s=5,
        deadline_s=120,
        ca_file=home / "ca.pem",
        hosts=("*.example.com", "127.0.0.1:9000"),
        plain_http=("127.0.0.1:5000",),
        https=(HostLogin("files.example.com", "", "secret-1"),),
        s3=(
            S3Place(endpoint="http://127.0.0.1:9000", region="eu-1", key_id="AKID", secret_key="secret-1"),
            S3Place(bucket="public", anonymous=True),
        ),
        oci=(HostLogin("127.0.0.1:5000", "robot", "secret-2", "auth.example.com"),),
        hub=Hub("https://hub.example.com", "secret-1"),
    )


def test_without_a_file_the_hub_s_own_variables_count() -> None:
    assert access_from_environment({}) == SourceAccess()
    assert access_from_environment({"HF_TOKEN": "t"}).hub == Hub(HUB, "t")
    assert access_from_environment({"HF_TOKEN": "t", "HF_ENDPOINT": "https://h"}).hub == Hub("https://h", "t")


def test_a_token_of_the_environment_is_not_sent_to_a_hub_of_the_settings(home: Path) -> None:
    text = "kind: Sources\nhf: {endpoint: 'https://other.example.com'}\n"
    assert access(home, text, HF_TOKEN="t").hub == Hub("https://other.example.com", "")


def test_a_secret_that_others_can_read_is_refused(home: Path) -> None:
    (home / "token").chmod(0o640)
    with pytest.raises(UsageError, match="can be read by other users"):
        access(home, WHOLE, ROBOT="secret-2")


def test_a_variable_that_is_not_set_is_told_by_its_name(home: Path) -> None:
    with pytest.raises(UsageError, match=r"ROBOT holds no secret for 127\.0\.0\.1:5000"):
        access(home, WHOLE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https: [{host: 'https://h', secret_file: token}]", "a host such as"),
        ("https: [{host: h}]", "either `secret_file` or `secret_variable`"),
        ("https: [{host: h, secret_file: a, secret_variable: B}]", "either `secret_file` or `secret_variable`"),
        ("s3: [{key_id: a}]", "`key_id` and `secret_key_file` together"),
        ("s3: [{profile: a, anonymous: true}]", "one of `anonymous`, `profile` and `key_id`"),
        ("s3: [{endpoint: 's3.example.com'}]", "an address such as https://minio"),
        ("hf: {endpoint: 'http://hub.example.com'}", "http: for this machine only"),
        ("hf: {endpoint: 'https://u:p@hub.example.com'}", "an address such as https://huggingface.co"),
        ("hosts: ['*']", "a host such as"),
        ("hosts: []", "a list of one entry or more"),
        ("stall: 0s", "30s"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(home: Path, text: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        access(home, f"kind: Sources\n{text}\n")
    assert "sources.yaml:2" in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        access_from_environment({VARIABLE: str(tmp_path / "absent.yaml")})


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", False),
        ("a.example.com", True),
        ("A.Example.COM:8443", True),
        ("badexample.com", False),
        ("127.0.0.1:9000", True),
        ("127.0.0.1:9001", False),
        ("127.0.0.1", False),
    ],
)
def test_a_list_of_hosts_lets_through_what_it_names(host: str, allowed: bool) -> None:
    assert SourceAccess(hosts=("*.example.com", "127.0.0.1:9000")).allows(host) is allowed
