"""Dataclasses from foreign JSON: what fits is built, and whatever does not fit is a ValueError that names the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.sync.shape import shaped
from interlock.sync.status import from_document, to_json
from support.http_site import status


@dataclass(frozen=True)
class Part:
    name: str
    size: float | None = None


@dataclass(frozen=True)
class Whole:
    kind: Literal["a", "b"]
    parts: tuple[Part, ...]
    count: int = 0
    flags: dict[str, bool] | None = None


def test_what_fits_is_built() -> None:
    value = {"kind": "a", "parts": [{"name": "x", "size": 3}], "flags": {"y": True}}
    assert shaped(Whole, value) == Whole("a", (Part("x", 3.0),), 0, {"y": True})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "the document is no dict"),
        ({"kind": "a"}, "the document lacks the field parts"),
        ({"kind": "c", "parts": []}, "kind is none of a, b"),
        ({"kind": "a", "parts": {}}, "parts is no list"),
        ({"kind": "a", "parts": [{"name": None}]}, "name is no str"),
        ({"kind": "a", "parts": [{"name": "x", "size": True}]}, "size is not a number"),
        ({"kind": "a", "parts": [{"name": "x", "size": float("nan")}]}, "size is not a finite number"),
        ({"kind": "a", "parts": [{"name": "x", "size": 10**400}]}, "size is too large a number"),
        ({"kind": "a", "parts": [], "count": True}, "count is no int"),
        ({"kind": "a", "parts": [], "more": 1}, "the document has the unknown field more"),
    ],
)
def test_what_does_not_fit_names_its_field(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        shaped(Whole, value)


DOCUMENT = json.loads(to_json(status()))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(sorted(DOCUMENT)), value=anything)
def test_whatever_stands_in_a_field_of_a_status_it_is_read_or_refused(field: str, value: object) -> None:
    try:
        read = from_document({**DOCUMENT, field: value})
    except ValueError:
        return
    assert (
        type(getattr(read, field, None)) is type(getattr(status(), field, None)) or value is None or field == "schema"
    )
