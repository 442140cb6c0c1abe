"""The field types that documents are built from: strict, with a message that says what to write instead.

Every model forbids unknown keys and is frozen. Types are strict: a number is not text and text is not a number, so
`revision: 7` is a finding that asks for quotes and never silently becomes `"7"`.

Modules with models evaluate their annotations at once (no `from __future__ import annotations`): pydantic would
have to evaluate a thousand texts, and every command would wait for it.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from interlock.documents import identifiers
from interlock.documents.addresses import remote_form
from interlock.documents.identifiers import Digest

T = TypeVar("T")


class Document(BaseModel):
    """Base of every model: unknown keys refused, immutable, no conversion between types."""

    # Deferred: a part of a document needs no validator of its own, and most commands read a few kinds only.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), defer_build=True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"write it in quotes: a {type(value).__name__} was found where text is expected")
    return value


def _parsed(parse: Callable[[str], Any], result: type) -> PlainValidator:
    def parsed(value: object) -> Any:
        if isinstance(value, result):
            return value
        return parse(value if isinstance(value, str) else "")  # anything else fails with what the text should be

    return PlainValidator(parsed)


_DURATION = re.compile(r"^([1-9][0-9]{0,5})(s|m|h|d|y)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}


def duration(text: str) -> dt.timedelta:
    """Read `30s`, `10m`, `24h`, `90d` or `10y` (a year is 365 days)."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError("expected a whole number and a unit: 30s, 10m, 24h, 90d or 10y")
    return dt.timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def duration_text(value: dt.timedelta) -> str:
    """Write a duration in its largest whole unit, the inverse of `duration`."""
    seconds = int(value.total_seconds())
    unit = next(u for u in ("y", "d", "h", "m", "s") if seconds % _UNITS[u] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


_BYTE_SIZE = re.compile(r"^(0|[1-9][0-9]{0,5})(MB|GB|TB|MiB|GiB|TiB)$")
_BYTE_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def byte_size(text: str) -> int:
    """Read `500MB`, `200GiB` or `2TiB` as a number of bytes."""
    match = _BYTE_SIZE.fullmatch(text)
    if not match:
        raise ValueError("expected a whole number and a unit: 500MB, 200GiB or 2TiB")
    return int(match[1]) * _BYTE_UNITS[match[2]]


def date(text: str) -> dt.date:
    """Read a calendar day written `2026-09-30`."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("expected a day as YYYY-MM-DD")
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("expected a day that is in the calendar, as YYYY-MM-DD") from error


@dataclass(frozen=True, slots=True)
class DateWindow:
    """The days from which data was taken, both ends included."""

    first: dt.date
    last: dt.date

    def __str__(self) -> str:
        return f"{self.first}/{self.last}"


def date_window(text: str) -> DateWindow:
    """Read `2026-07-01/2026-09-30`, the first day not after the last."""
    first, slash, last = text.partition("/")
    if not slash:
        raise ValueError("expected FIRST-DAY/LAST-DAY, each as YYYY-MM-DD")
    window = DateWindow(date(first), date(last))
    if window.first > window.last:
        raise ValueError("expected FIRST-DAY/LAST-DAY, the first day not after the last")
    return window


def relative_path(text: str) -> str:
    """Accept a path inside the repository: forward slashes, no `.` or `..`, no leading slash, no control characters."""
    parts = text.split("/")
    if not text or len(text) > 400 or any(part in ("", ".", "..") for part in parts):
        raise ValueError("expected a path inside the repository, without '.', '..', '//' or a leading '/'")
    if "\\" in text or not text.isprintable():
        raise ValueError("expected a path of printable characters without backslashes")
    return text


def file_name(text: str) -> str:
    """Accept the name of a file directly inside an artifact's directory."""
    if "/" in relative_path(text):
        raise ValueError("expected a file name without directories")
    return text


_URI = re.compile(r"^(file|https|s3|oci|hf):[!-~]{1,1000}$")


def artifact_uri(text: str) -> str:
    """Accept `file:`, `https:`, `s3:`, `oci:` and `hf:` addresses; documents/addresses.py has the forms of the others.

    `file:` with a relative path means files of this repository; `file:///…` an absolute path on the reading machine.
    """
    if not _URI.fullmatch(text):
        raise ValueError("expected an address that begins with file:, https:, s3:, oci: or hf:")
    if text.startswith("file:") and not text.startswith("file:///"):
        relative_path(text.removeprefix("file:"))
    if text.startswith("file:///") and ".." in text.split("/"):
        raise ValueError("expected an absolute path without '..'")
    if expected := remote_form(text):
        raise ValueError(f"expected {expected}")
    return text


def printable(text: str) -> str:
    """Accept text without control characters; line breaks and tabs are fine."""
    if not text.isprintable() and any(not (char.isprintable() or char in "\n\t") for char in text):
        raise ValueError("expected printable text without control characters")
    return text


def _pattern(pattern: str, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description})


Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A list in YAML, a tuple in Python."""

Text = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(printable)]
Name = Annotated[
    str, PlainValidator(lambda v: identifiers.adapter_name(_text(v))), _pattern(identifiers.NAME_PATTERN, "a name")
]
RevisionName = Annotated[
    str,
    PlainValidator(lambda v: identifiers.revision_name(_text(v))),
    _pattern(identifiers.REVISION_PATTERN, "a revision, always in quotes"),
]
CommitId = Annotated[
    str,
    PlainValidator(lambda v: identifiers.commit_id(_text(v))),
    _pattern(identifiers.COMMIT_PATTERN, "a full commit id"),
]
DigestField = Annotated[
    Digest,
    PlainValidator(lambda v: v if isinstance(v, Digest) else Digest(_text(v))),
    PlainSerializer(str),
    _pattern(identifiers.DIGEST_PATTERN, "sha256: and 64 hexadecimal digits"),
]
Duration = Annotated[
    dt.timedelta,
    _parsed(duration, dt.timedelta),
    PlainSerializer(duration_text),
    _pattern(_DURATION.pattern, "30s, 10m, 24h, 90d or 10y"),
]
ByteSize = Annotated[
    int,
    PlainValidator(lambda v: byte_size(_text(v))),
    _pattern(_BYTE_SIZE.pattern, "500MB, 200GiB or 2TiB"),
]
Date = Annotated[
    dt.date, _parsed(date, dt.date), PlainSerializer(str), WithJsonSchema({"type": "string", "format": "date"})
]
Window = Annotated[
    DateWindow,
    _parsed(date_window, DateWindow),
    PlainSerializer(str),
    _pattern(r"^\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}$", "FIRST-DAY/LAST-DAY"),
]
RelativePath = Annotated[str, PlainValidator(lambda v: relative_path(_text(v))), _pattern(r"^[^/\\][^\\]*$", "a path")]
FileName = Annotated[str, PlainValidator(lambda v: file_name(_text(v))), _pattern(r"^[^/\\]+$", "a file name")]
ArtifactUri = Annotated[str, PlainValidator(lambda v: artifact_uri(_text(v))), _pattern(_URI.pattern, "an address")]
FilePath = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Bytes = Annotated[int, Field(ge=0, le=1 << 50)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
