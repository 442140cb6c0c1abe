"""Finding the model in a JSON body, in the one way in which every JSON parser finds it.

Refused: another encoding than UTF-8 or a byte order mark (Python's parser guesses encodings), a `model` that is there
twice, however it is spelled (most parsers take the last one, some the first), NaN and Infinity, bytes after the end,
nesting or numbers beyond the parser's bounds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import NoReturn

from interlock.routing.refusal import bad_request
from interlock.routing.request_body import ModelPlace, RequestBody

_SPACE = re.compile(r"[ \t\n\r]*")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@dataclass(frozen=True, slots=True)
class Member:
    """One key of the top-level object, its value, and where the value stands in the text (characters)."""

    key: str
    value: object
    begin: int
    end: int


def parse_json_body(data: bytes) -> RequestBody:
    """Read a JSON body; a document that is not an object names no model.

    Raises:
        Refusal: 400, the bytes are not exactly one JSON document in UTF-8, or it names the model twice or not as text.
    """
    try:
        text = data.decode("utf-8")
        members = list(_members(text))
    except (ValueError, RecursionError) as error:
        remedy = "Send one JSON object in UTF-8 without a byte order mark."
        raise bad_request("The request body is not JSON that can be read in only one way.", remedy=remedy) from error
    found = {member.key: member.value for member in members}
    user, messages = found.get("user"), found.get("messages")
    return RequestBody(
        data,
        _model_place(text, [member for member in members if member.key == "model"]),
        user if isinstance(user, str) else "",
        messages if isinstance(messages, list) else (),
    )


def _model_place(text: str, models: list[Member]) -> ModelPlace | None:
    if len(models) > 1:
        raise bad_request("The request body names `model` more than once.", param="model", remedy="Name it once.")
    # `"model": null` is the same as no model to every engine: its default, the base.
    if not models or models[0].value is None:
        return None
    model = models[0]
    if not isinstance(model.value, str):
        raise bad_request("`model` is not text.", param="model", remedy="Send the name of a model as a JSON string.")
    begin = len(text[: model.begin].encode("utf-8"))
    return ModelPlace(model.value, begin, begin + len(text[model.begin : model.end].encode("utf-8")), quoted=True)


def _members(text: str) -> Iterator[Member]:
    """The members of the top-level object; none when the document is not an object. ValueError: not JSON."""
    position = _skip(text, 0)
    if text.startswith("{", position):
        position = yield from _object_members(text, position + 1)
    else:
        _, position = _DECODER.raw_decode(text, position)
    if _skip(text, position) != len(text):
        raise ValueError("something follows the document")


def _object_members(text: str, position: int) -> Generator[Member, None, int]:
    """The members from behind the opening brace; returns the position behind the closing one."""
    position = _skip(text, position)
    if text.startswith("}", position):
        return position + 1
    while True:
        member = _member(text, _skip(text, position))
        yield member
        position = _skip(text, member.end) + 1
        mark = text[position - 1 : position]
        if mark == "}":
            return position
        if mark != ",":
            raise ValueError("a comma or a closing brace is missing")


def _member(text: str, position: int) -> Member:
    if not text.startswith('"', position):
        raise ValueError("a key is not a string")
    key, position = _DECODER.raw_decode(text, position)
    position = _skip(text, position)
    if not text.startswith(":", position):
        raise ValueError("a colon is missing")
    begin = _skip(text, position + 1)
    value, end = _DECODER.raw_decode(text, begin)
    return Member(key, value, begin, end)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
