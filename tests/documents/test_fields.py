"""The types that documents are built from: what they take, what they refuse, and how they are written back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlock.documents.fields import (
    DateWindow,
    artifact_uri,
    byte_size,
    date,
    date_window,
    duration,
    duration_text,
    file_name,
    printable,
    relative_path,
)
from interlock.documents.identifiers import (
    Digest,
    InvalidIdentifier,
    RevisionId,
    ServedName,
    adapter_name,
    commit_id,
    revision_name,
)
from interlock.documents.kinds.adapter import Review
from interlock.documents.kinds.pointer import Pointer

DIGEST = "sha256:" + "1f3a9c2b4d5e" + "0" * 52


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (
            adapter_name,
            ["a", "support-bot", "7", "a" * 63],
            ["", "A", "a_b", "-a", "a-", "a" * 64, "a\n", "ä", "a.b", "a/b"],
        ),
        (
            revision_name,
            ["7", "2026-05", "1.2", "a" * 32],
            ["", "1..2", ".1", "1.", "1-", "V1", "a" * 33, "7\n", "../7"],
        ),
        (commit_id, ["0" * 40, "abcdef0123" * 4], ["main", "0" * 39, "0" * 41, "A" * 40, "0" * 40 + "\n"]),
        (
            Digest,
            [DIGEST],
            ["", "0" * 64, DIGEST.upper(), DIGEST[:-1], DIGEST + "0", DIGEST + "\n", "sha512:" + "0" * 64],
        ),
        (
            duration,
            ["30s", "10m", "24h", "90d", "10y"],
            ["", "0s", "1", "1 d", "1.5h", "-1h", "1w", "10Y", "1000000s", "1h\n"],
        ),
        (
            byte_size,
            ["0MB", "1MB", "200GiB", "999999TiB"],
            ["", "0", "1", "1 GB", "1.5GiB", "-1GB", "1Gb", "01GB", "1GB\n"],
        ),
        (date, ["2026-09-30", "2028-02-29"], ["", "2026-9-30", "2026-02-30", "20260930", "2026-09-30\n", "30.09.2026"]),
        (
            date_window,
            ["2026-07-01/2026-09-30", "2026-07-01/2026-07-01"],
            ["", "2026-07-01", "2026-09-30/2026-07-01", "2026-07-01/", "2026-07-01/2026-08-01/2026-09-01"],
        ),
        (relative_path, ["a", "a/b.c", "a b/ü"], ["", "/a", "a/", "a//b", "./a", "a/../b", "a\\b", "a\nb", "a" * 401]),
        (file_name, ["a.safetensors"], ["a/b", "..", "", "a\0b"]),
        (
            artifact_uri,
            [
                "file:a/b",
                "file:///a/b",
                "s3://bucket/k",
                "https://x/y",
                f"oci://r/a@sha256:{'0' * 64}",
                f"hf://org/name@{'0' * 40}",
            ],
            [
                "",
                "http://x",
                "file:../a",
                "file:/a",
                "file:///a/../b",
                "ftp://x",
                "s3:",
                "s3://a b",
                "file:a\n",
                "FILE:a",
            ],
        ),
        (printable, ["a", "a\nb\tc", "Ä 💡"], ["a\0", "a\x1b[1m", "a\u202eb", "a\rb"]),
    ],
)
def test_a_parser_takes_the_good_and_refuses_the_bad(
    parse: Callable[[str], object], good: list[str], bad: list[str]
) -> None:
    for text in good:
        parse(text)
    for text in bad:
        with pytest.raises(ValueError, match=r"expected|not a valid"):
            parse(text)


def test_a_refused_identifier_says_what_it_should_have_been() -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        Digest("x")
    assert refusal.value.kind == "digest"
    assert refusal.value.expected == "'sha256:' and 64 lower-case hexadecimal digits"


@given(st.integers(1, 999_999), st.sampled_from("smhdy"))
def test_a_duration_is_written_back_as_one_that_reads_the_same(number: int, unit: str) -> None:
    value = duration(f"{number}{unit}")
    assert duration(duration_text(value)) == value


def test_durations_are_written_in_their_largest_whole_unit() -> None:
    texts = ["90s", "60s", "36h", "48h", "90d", "365d", "10y"]
    assert [duration_text(duration(text)) for text in texts] == ["90s", "1m", "36h", "2d", "90d", "1y", "10y"]


def test_units_of_a_thousand_and_of_1024_are_told_apart() -> None:
    assert [byte_size(text) for text in ("2MB", "2MiB", "3GB", "3GiB", "1TB", "1TiB")] == [
        2 * 10**6,
        2 << 20,
        3 * 10**9,
        3 << 30,
        10**12,
        1 << 40,
    ]


def test_a_window_is_written_back_as_it_was_read() -> None:
    window = date_window("2026-07-01/2026-09-30")
    assert window == DateWindow(dt.date(2026, 7, 1), dt.date(2026, 9, 30))
    assert str(window) == "2026-07-01/2026-09-30"


def test_a_served_name_is_read_back() -> None:
    name = ServedName.of("support-bot", "2026-05.1", Digest(DIGEST))
    assert str(name) == "support-bot@2026-05.1-1f3a9c2b4d5e"
    assert ServedName.parse(str(name)) == name
    assert str(RevisionId("support-bot", "7")) == "support-bot@7"
    for text in ("support-bot", "support-bot@7", "support-bot@7-xyz", "a@b@7-1f3a9c2b4d5e", "a@1..2-1f3a9c2b4d5e"):
        with pytest.raises(InvalidIdentifier, match=r"is not a"):
            ServedName.parse(text)


@pytest.mark.parametrize("value", [None, 90, 1.5, True, ["90d"], {"days": 90}, "", b"90d"])
def test_nothing_is_converted_into_a_duration(value: object) -> None:
    with pytest.raises(ValidationError):
        Review.model_validate({"cadence": value, "last_reviewed": "2026-09-01"})


@pytest.mark.parametrize("value", [7, 7.0, True, None, ["7"], b"7"])
def test_nothing_is_converted_into_a_revision(value: object) -> None:
    with pytest.raises(ValidationError):
        Pointer.model_validate({"kind": "Pointer", "adapter": "a", "active": value})


def test_a_document_cannot_be_changed() -> None:
    pointer = Pointer.model_validate({"kind": "Pointer", "adapter": "a", "active": "7"})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(pointer, "active", "8")  # noqa: B010  the type checker refuses the plain assignment


def test_a_pointer_names_each_revision_once_and_the_active_one_first() -> None:
    pointer = Pointer.model_validate(
        {"kind": "Pointer", "adapter": "a", "active": "7", "canary": {"revision": "8"}, "keep": ["6", "7", "8"]}
    )
    assert pointer.revisions == ("7", "8", "6")
