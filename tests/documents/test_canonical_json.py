"""Canonical JSON (RFC 8785): one spelling for every value, and nothing that is read in two ways."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.documents.canonical_json import canonical_json, strict_json


def test_keys_are_sorted_by_utf_16_as_the_specification_shows() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(strict_json(canonical_json(dict.fromkeys(names, 1)))) == ordered  # type: ignore[call-overload]


def test_text_is_escaped_only_where_it_must_be() -> None:
    assert canonical_json("\u20ac$\u000f\nA'B\"\\/\u007f") == '"\u20ac$\\u000f\\nA\'B\\"\\\\/\u007f"'.encode()


def test_values_have_one_spelling() -> None:
    assert canonical_json({"b": [1, -2, None, True], "a": {}}) == b'{"a":{},"b":[1,-2,null,true]}'


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, "\ud800", {1: "x"}, {"x"}, b"x", object()])
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json(value)


@pytest.mark.parametrize("data", [b"", b"{", b'{"a":1,"a":1}', b"NaN", b"\xff", b"[" * 50_000, b"{} {}"])
def test_what_can_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        strict_json(data)
