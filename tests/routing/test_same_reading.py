"""The property that routing rests on: a body that passes is read by the engine's parser as we read it."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.routing.json_body import parse_json_body
from interlock.routing.refusal import Refusal

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
DOCUMENTS = st.dictionaries(st.sampled_from(["model", "user", "prompt", "messages"]) | st.text(), VALUES)
PIECES = st.sampled_from(
    [
        '"model"',
        '"mod\\u0065l"',
        '"a"',
        '"../x"',
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        " ",
        "\n",
        "1",
        "NaN",
        "null",
        "\ufeff",
        '"',
    ]
)


@settings(deadline=None)
@given(DOCUMENTS, st.text(min_size=1), st.booleans())
def test_replacing_the_model_changes_the_model_only(document: dict[str, object], name: str, plain: bool) -> None:
    document = {**document, "model": name}
    data = json.dumps(document, ensure_ascii=plain).encode("utf-8")
    body = parse_json_body(data)
    assert json.loads(body.with_model("new")) == {**json.loads(data), "model": "new"}


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_passes_is_read_alike_by_the_engine(text: str) -> None:
    data = text.encode("utf-8")
    try:
        body = parse_json_body(data)
    except Refusal:
        return
    read = json.loads(data)
    named = read.get("model") if isinstance(read, dict) else None
    assert (body.model.name if body.model else None) == named


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes) -> None:
    with suppress(Refusal):
        parse_json_body(data)
