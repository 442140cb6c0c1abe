from __future__ import annotations

import json

import pytest

from interlock.routing.json_body import parse_json_body
from interlock.routing.refusal import Refusal


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"a"}', b'{"model":"NEW"}'),
        (
            b' {\n "prompt" : "x\\u00e9\xc3\xa9 \xf0\x9f\x98\x80", "model"\t: "a" , "t": 1.50, "big": 1e2}\r\n',
            b' {\n "prompt" : "x\\u00e9\xc3\xa9 \xf0\x9f\x98\x80", "model"\t: "NEW" , "t": 1.50, "big": 1e2}\r\n',
        ),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"NEW"}'),
        (b'{"a":{"model":"b"},"model":"a","c":["model"]}', b'{"a":{"model":"b"},"model":"NEW","c":["model"]}'),
        (
            b'{"model":"\xc3\xa9","n":12345678901234567890123,"f":0.1000}',
            b'{"model":"NEW","n":12345678901234567890123,"f":0.1000}',
        ),
    ],
)
def test_only_the_bytes_of_the_model_change(before: bytes, after: bytes) -> None:
    assert parse_json_body(before).with_model("NEW") == after


def test_the_same_name_leaves_the_body_as_it_came() -> None:
    body = b'{"model": "\\u0061"}'
    assert parse_json_body(body).with_model("a") == body


@pytest.mark.parametrize("body", [b"{}", b" [] ", b"1", b'"model"', b'{"model":null}', b'[{"model":"x"}]', b"null"])
def test_a_body_that_names_no_model_is_left_alone(body: bytes) -> None:
    parsed = parse_json_body(body)
    assert parsed.model is None
    assert parsed.with_model("x") == body


AMBIGUOUS = {
    "duplicate model": b'{"model":"tiny","model":"../x"}',
    "duplicate model, escaped": b'{"model":"tiny","mod\\u0065l":"../x"}',
    "duplicate model, null": b'{"model":null,"model":"../x"}',
    "byte order mark": b'\xef\xbb\xbf{"model":"tiny"}',
    "utf-16": json.dumps({"model": "../x"}).encode("utf-16"),
    "utf-16 without mark": json.dumps({"model": "../x"}).encode("utf-16-le"),
    "utf-32": json.dumps({"model": "../x"}).encode("utf-32"),
    "utf-8 with surrogates": b'{"model":"tiny","x":"\xed\xa0\x80"}',
    "latin-1": b'{"model":"\xe9"}',
    "nan": b'{"model":"tiny","temperature":NaN}',
    "infinity": b'{"model":"tiny","temperature":-Infinity}',
    "trailing": b'{"model":"tiny"}{"model":"../x"}',
    "trailing comma": b'{"model":"tiny",}',
    "missing comma": b'{"model":"tiny" "a":1}',
    "missing colon": b'{"model" "tiny"}',
    "single quotes": b"{'model':'tiny'}",
    "comment": b'{/*"model":"a",*/"model":"b"}',
    "not closed": b'{"model":"tiny"',
    "open string": b'{"model":"tiny',
    "number as key": b"{1:2}",
    "control character": b'{"model":"ti\x01ny"}',
    "nul after the end": b'{"model":"tiny"}\0',
    "vertical tab as space": b'{\x0b"model":"tiny"}',
    "no-break space": b'{\xc2\xa0"model":"tiny"}',
    "empty after spaces": b"  ",
    "deep": b'{"a":' + b"[" * 200_000,
    "long integer": b'{"a":' + b"9" * 5000 + b"}",
    "form": b"model=../x",
    "model as list": b'{"model":["../x"]}',
    "model as number": b'{"model":1}',
    "model as object": b'{"model":{"a":"b"}}',
    "model as truth": b'{"model":true}',
}


@pytest.mark.parametrize("body", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_body_that_could_be_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_json_body(body)
    assert caught.value.status == 400


def test_the_user_is_read_when_it_is_text() -> None:
    assert parse_json_body(b'{"user":"u-1"}').user == "u-1"
    assert parse_json_body(b'{"user":7}').user == ""


def test_a_conversation_keeps_its_opening_while_it_grows() -> None:
    turns = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]
    later = [*turns, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]

    def opening(messages: object, **rest: object) -> bytes:
        return parse_json_body(json.dumps({"messages": messages, **rest}).encode()).opening()

    assert opening(turns) == opening(later, temperature=0.5)
    assert opening(turns) != opening([{"role": "user", "content": "hello"}])
    assert opening([], n=1) != opening([], n=2)


def test_a_model_behind_a_long_prompt_is_spliced_too() -> None:
    body = json.dumps({"prompt": "x" * 8_000_000, "model": "a"}).encode()
    assert parse_json_body(body).with_model("b").endswith(b'"model": "b"}')
