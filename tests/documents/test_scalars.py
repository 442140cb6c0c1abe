"""Unquoted scalars: one meaning for every reader, or a refusal."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from interlock.documents.scalars import AmbiguousScalar, NonFiniteNumber, needs_quotes, resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("NULL", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("+5", 5),
        ("0x1F", 31),
        ("3.5", 3.5),
        ("3.", 3.0),
        (".5", 0.5),
        ("2.0e-4", 0.0002),
        ("1.5E+3", 1500.0),
        ("2026-05", "2026-05"),
        ("2026-09-30", "2026-09-30"),
        ("2026-07-01/2026-09-30", "2026-07-01/2026-09-30"),
        ("24h", "24h"),
        ("1.2.3", "1.2.3"),
        ("3f1c", "3f1c"),
        ("e5", "e5"),
        ("yes please", "yes please"),
        ("nope", "nope"),
        ("tRUE", "tRUE"),
        ("...", "..."),
        ("-", "-"),
        ("+", "+"),
        ("_1", "_1"),
        ("0x", "0x"),
        ("a_b", "a_b"),
        ("sha256:0123", "sha256:0123"),
    ],
)
def test_a_scalar_that_every_reader_reads_alike_has_that_value(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "Yes", "YES", "no", "No", "on", "ON", "off", "Off", "y", "Y", "n", "N", "~", "=", "<<"),
        *("010", "00", "-07", "+08", "0o17", "0b11", "-0x1F", "0x_1", "1_000", "1_0.5", "1__", "-1_0"),
        *("1e5", "12e4567", "1E-5", "2.0e4", ".5e3", "1.e5", "-.5", "+.5"),
        *("1:30", "08:00", "16:00:59", "190:20:30.15", "-1:1"),
        *("2026-01-01 10:00:00", "2026-01-01T10:00:00Z", "2026-1-1 1:00:00.5 +1"),
        "1" * 101,
    ],
)
def test_a_scalar_that_readers_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(AmbiguousScalar):
        resolve_plain(text)
    assert needs_quotes(text)


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1.0e+999", "-2.5e+400"])
def test_a_number_that_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(NonFiniteNumber):
        resolve_plain(text)
    assert needs_quotes(text)


@pytest.mark.parametrize(("text", "instead"), [("yes", "true"), ("010", "10"), ("1_000", "1000"), ("1e5", "1.0e+5")])
def test_the_refusal_names_a_form_with_one_meaning(text: str, instead: str) -> None:
    with pytest.raises(AmbiguousScalar) as refusal:
        resolve_plain(text)
    assert refusal.value.instead == instead
    resolve_plain(instead)


def _read_by(version: tuple[int, int], text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(io.StringIO(f"- {text}\n"))[0]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+-._:eExXoObBnNyYaAfFlLsStTuUiI~=", min_size=1, max_size=8))
def test_what_is_accepted_is_the_same_in_yaml_1_1_and_yaml_1_2(text: str) -> None:
    try:
        ours = resolve_plain(text)
        older, newer = _read_by((1, 1), text), _read_by((1, 2), text)
    except (AmbiguousScalar, NonFiniteNumber, YAMLError, ValueError):
        return
    for other in (older, newer):
        if isinstance(other, (dict, list)) or (isinstance(other, dt.date) and str(other) == text):
            continue
        assert type(other) is type(ours), (text, ours, other)
        assert other == (pytest.approx(ours) if isinstance(ours, float) else ours)


def test_text_that_begins_with_a_question_mark_is_refused_without_quotes() -> None:
    """Between brackets, ruamel.yaml's own parser and PyYAML's take it for the start of a key."""
    with pytest.raises(AmbiguousScalar):
        resolve_plain("?5")
    assert needs_quotes("?5")
