"""One receipt: what a node served from one moment on, in exactly one form in bytes.

Written by the agent (`journal`), read by the audit (`collected`). Each names the SHA-256 of the line before it, so that
nothing can be changed, removed from the middle or put in between unnoticed. Reading refuses a line that is written in
another way than it would be written here: what was signed is what is read.
"""

import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, StringConstraints, ValidationError

from interlock.documents.canonical_json import strict_json
from interlock.documents.fields import Document, Many, Name
from interlock.documents.identifiers import COMMIT_PATTERN, DIGEST_PATTERN, InvalidIdentifier, ServedName
from interlock.errors import EvidenceError

SCHEMA = "interlock-receipt/1"
NAMESPACE = "interlock-receipt"
MAX_LINE = 32 * 1024 * 1024
"""A receipt with every route of the largest route table that the middleware reads."""

Event = Literal["began", "flipped", "found", "observed", "ended"]
"""The agent began | replaced the table | found a table that no receipt tells of | saw another engine | ended."""
Serving = Literal["yes", "engine-unreachable", "routing-not-live", "routing-stale", "unknown"]

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_REMEDY = "compare it with another copy of the node's receipts"


def moment(text: object) -> dt.datetime:
    """Read `2026-11-25T09:30:00.125Z`: a millisecond in UTC.

    Raises:
        ValueError: it is written in another way.
    """
    if isinstance(text, dt.datetime):
        return text.astimezone(dt.UTC).replace(microsecond=text.microsecond // 1000 * 1000)
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError("expected a time as YYYY-MM-DDTHH:MM:SS.mmmZ")
    return dt.datetime.fromisoformat(text)


def moment_text(value: dt.datetime) -> str:
    """Write a time to the millisecond, in UTC."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def _served(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidIdentifier("a served name is text")
    return str(ServedName.parse(text))


def _weight(text: object) -> str:
    """Percent as text, because numbers with a fraction have no canonical form: the shortest that reads back equal."""
    if not isinstance(text, str) or repr(float(text)) != text or not 0 <= float(text) <= 100:
        raise ValueError("expected a number from 0 to 100 as text")
    return text


Moment = Annotated[dt.datetime, PlainValidator(moment), PlainSerializer(moment_text, return_type=str)]
Served = Annotated[str, PlainValidator(_served)]
Weight = Annotated[str, PlainValidator(_weight)]
Sha256 = Annotated[str, StringConstraints(pattern=DIGEST_PATTERN)]
Hex = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{64})?$")]
Words = Annotated[str, StringConstraints(max_length=2000)]
Milliseconds = Annotated[int, Field(ge=0, le=1 << 50)]


class Revision(Document):
    """What one route leads to; `digest` is None where the agent does not know more than the served name says."""

    served: Served
    digest: Sha256 | None = None


class CanaryShare(Revision):
    """A second revision for the tenants named here, and for `weight` percent of the others."""

    weight: Weight
    tenants: Many[Annotated[str, Field(max_length=10_000)]] = ()


class AliasRoute(Document):
    """Where one alias led."""

    active: Revision
    canary: CanaryShare | None = None


class EngineSeen(Document):
    """The engine that answered. `process` is an opaque identity of its process, "" where it tells none."""

    kind: Words = ""
    version: Words = ""
    base: Words = ""
    process: Words = ""


class Damage(Document):
    """Bytes of the receipts before this one that cannot be read; they stay where they are."""

    file: Words
    offset: Annotated[int, Field(ge=0, le=1 << 50)]
    size: Annotated[int, Field(ge=0, le=1 << 50)]
    digest: Sha256


class Receipt(Document):
    """One record. `complete`: `routes` are all routes; otherwise those that changed, and `gone` those that went.

    `sequence` counts from 0 within a `chain`, `run` names one life of the agent, `elapsed` its milliseconds on a clock
    that nobody sets. `since` is when the agent saw for the last time that the receipt before it held, where it did not
    make the change itself. `commit` is what the table was made from, `table` its SHA-256 as the middleware tells it,
    `routes_digest` that of all routes, `absent` are routed revisions that the engine did not have.
    """

    node: Name
    environment: Name
    chain: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    sequence: Annotated[int, Field(ge=0, le=1 << 50)]
    previous: Sha256 | None
    run: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    event: Event
    time: Moment
    elapsed: Milliseconds
    since: Moment | None = None
    commit: Annotated[str, StringConstraints(pattern=rf"^$|{COMMIT_PATTERN}")]
    table: Hex
    complete: bool
    routes: dict[Name, AliasRoute]
    gone: Many[Name] = ()
    routes_digest: Sha256
    engine: EngineSeen
    serving: Serving
    absent: Many[Served] = ()
    damaged: Annotated[Many[Damage], Field(max_length=100)] = ()

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        return _canonical({"schema": SCHEMA, **self.model_dump()})


@dataclass(frozen=True, slots=True)
class Line:
    """A receipt as it lies in a file: its signature ("" for none), and the digest by which the next one names it."""

    receipt: Receipt
    signature: str
    digest: str


def routes_digest(routes: dict[str, AliasRoute]) -> str:
    """The digest of all routes of a node, over their canonical JSON."""
    return _digest(_canonical({alias: route.model_dump() for alias, route in routes.items()}))


def to_line(receipt: Receipt, signature: str) -> bytes:
    """The line of a receipt, with its end."""
    return _canonical(_document(receipt, signature)) + b"\n"


def _document(receipt: Receipt, signature: str) -> dict[str, Any]:
    return {"receipt": {"schema": SCHEMA, **receipt.model_dump()}, "signature": signature or None}


def read_line(data: bytes) -> Line:
    """Read a line without its end; verifies no signature.

    Raises:
        EvidenceError: it is no receipt, or is written in another way than it would be written here.
    """
    if len(data) > MAX_LINE:
        raise EvidenceError(f"a receipt of {len(data)} bytes", expected=f"at most {MAX_LINE} bytes", remedy=_REMEDY)
    try:
        document = strict_json(data)
        fields, signature = document["receipt"], document["signature"]  # type: ignore[index]
        if fields.pop("schema") != SCHEMA or not isinstance(signature, str | None):
            raise ValueError(SCHEMA)
        receipt = Receipt.model_validate(fields)
        same = _canonical(_document(receipt, signature or "")) == data
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvidenceError("a line that is no receipt", expected=f"one of {SCHEMA}", remedy=_REMEDY) from error
    if not same:
        raise EvidenceError("a receipt that is not in canonical form", expected="exactly that form", remedy=_REMEDY)
    return Line(receipt, signature or "", _digest(data))


def _canonical(document: dict[str, Any]) -> bytes:
    """The bytes of `canonical_json`, in a fraction of its time: all keys are ASCII, and no number has a fraction."""
    return _ENCODER.encode(document).encode("utf-8")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
