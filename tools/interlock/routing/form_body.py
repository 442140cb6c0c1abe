"""Finding the model in a multipart form: the audio endpoints take their file that way.

Parsers of forms disagree about everything unusual, so only the plain form that HTTP clients write is accepted: no
text before or after, every boundary on a line of its own and nowhere else, two known headers a part, one name a part
without escapes. What is left, every parser reads alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from interlock.routing.refusal import Refusal, bad_request
from interlock.routing.request_body import ModelPlace, RequestBody

MAX_PARTS = 1000

_CONTENT_TYPE = re.compile(rb'multipart/form-data; ?boundary=("?)([A-Za-z0-9\'+_./:=-]{1,70})\1', re.IGNORECASE)
_PLAIN_TEXT = rb'"[^"\\\r\n;]*"'
_DISPOSITION = re.compile(
    rb"content-disposition: ?form-data; ?name=(" + _PLAIN_TEXT + rb")"
    rb"((?:; ?filename=" + _PLAIN_TEXT + rb")?(?:; ?filename\*=[A-Za-z0-9'%._~-]+)?)",
    re.IGNORECASE,
)
_OTHER_HEADER = re.compile(
    rb"content-(?:type: ?[^\r\n]*|length: ?[0-9]{1,18}|transfer-encoding: ?(?:binary|8bit|7bit))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Part:
    """One field or file: its name, whether it is a file, and where its content stands (bytes)."""

    name: bytes
    is_file: bool
    begin: int
    end: int


def parse_form_body(data: bytes, content_type: bytes) -> RequestBody:
    """Read a multipart form whose header is `content_type`.

    Raises:
        Refusal: 400, the form is not written plainly, or it names the model twice or as a file.
    """
    header = _CONTENT_TYPE.fullmatch(content_type.strip())
    if header is None:
        raise _not_plain("its content-type is not multipart/form-data with one plain boundary")
    models = [part for part in _parts(data, b"--" + header[2]) if part.name.lower() == b"model"]
    if len(models) > 1 or any(part.is_file or part.name != b"model" for part in models):
        raise bad_request("The form names `model` more than once, or as a file.", param="model", remedy="Name it once.")
    return RequestBody(data, _model_place(data, models[0]) if models else None)


def _model_place(data: bytes, part: Part) -> ModelPlace:
    try:
        name = data[part.begin : part.end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_plain("`model` is not UTF-8") from error
    return ModelPlace(name, part.begin, part.end, quoted=False)


def _parts(data: bytes, boundary: bytes) -> Iterator[Part]:
    marks = [match.start() for match in re.finditer(re.escape(boundary), data)]
    if len(marks) < 2 or len(marks) > MAX_PARTS or marks[0] != 0:
        raise _not_plain("it does not start with its boundary, never ends, or has too many parts")
    if data[marks[-1] + len(boundary) :].removesuffix(b"\r\n") != b"--":
        raise _not_plain("it does not end with its closing boundary")
    for start, end in pairwise(marks):
        if not (data.endswith(b"\r\n", 0, end) and data.startswith(b"\r\n", start + len(boundary))):
            raise _not_plain("a boundary is not on a line of its own")
        yield _part(data, start + len(boundary) + 2, end - 2)


def _part(data: bytes, begin: int, end: int) -> Part:
    blank = data.find(b"\r\n\r\n", begin, end)
    if blank < 0:
        raise _not_plain("a part has no blank line after its headers")
    name: bytes | None = None
    is_file = False
    for line in data[begin:blank].split(b"\r\n"):
        disposition = _DISPOSITION.fullmatch(line)
        if disposition is not None and name is None:
            name, is_file = disposition[1].strip(b'"'), bool(disposition[2])
        elif disposition is not None or _OTHER_HEADER.fullmatch(line) is None:
            raise _not_plain("a part has a header that is not plain")
    if name is None:
        raise _not_plain("a part has no name")
    return Part(name, is_file, blank + 4, end)


def _not_plain(why: str) -> Refusal:
    remedy = "Send the form as curl -F or an OpenAI client does."
    return bad_request(f"The form cannot be read in only one way: {why}.", remedy=remedy)
