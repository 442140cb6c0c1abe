"""`--dataset` of `interlock register adapter`."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from interlock.errors import ArtifactMissing, UsageError
from interlock.lifecycle.dataset_argument import read_dataset

DIGEST = "sha256:" + "0" * 64


def test_the_digest_and_the_name_come_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "Support Tickets_v2.jsonl").write_bytes(b"data")
    found = read_dataset(f"file={tmp_path}/Support Tickets_v2.jsonl,license=internal")
    assert found.name == "support-tickets-v2"
    assert found.digest.hex == hashlib.sha256(b"data").hexdigest()


def test_every_key_is_read() -> None:
    found = read_dataset(
        f"name=tickets,digest={DIGEST},license=cc-by-4.0,window=2026-07-01/2026-09-30,expires=2027-03-31,"
        "corpora=tickets+chats,filters=pii-scrub"
    )
    assert (found.license, found.corpora, found.filters) == ("cc-by-4.0", ("tickets", "chats"), ("pii-scrub",))
    assert str(found.window) == "2026-07-01/2026-09-30"
    assert found.expires == dt.date(2027, 3, 31)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("license=internal", "either file=PATH or digest"),
        (f"file=x,digest={DIGEST},license=internal", "not both"),
        (f"name=x,digest={DIGEST}", "license"),
        (f"name=x,digest={DIGEST},license=l,window=lately", "window"),
        ("name=x,digest=sha256:12,license=l", "digest"),
        ("colour=blue", "colour=blue"),
        ("name", "'name'"),
        ("name=", "'name='"),
        ("name=a,name=b", "each once"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_dataset(text)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing):
        read_dataset(f"file={tmp_path}/nothing,license=internal")
