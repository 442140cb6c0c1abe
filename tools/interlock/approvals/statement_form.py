"""The form that all signed statements share: in-toto v1, one canonical spelling, fields with types of their own.

Used by `statements` alone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator, StringConstraints
from pydantic.alias_generators import to_camel

from interlock.documents.canonical_json import canonical_json
from interlock.documents.fields import Document
from interlock.documents.identifiers import COMMIT_PATTERN, DIGEST_PATTERN, NAME_PATTERN

STATEMENT = "https://in-toto.io/Statement/v1"

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def moment(text: object) -> dt.datetime:
    """Read `2026-11-25T09:30:00Z`: a second in UTC.

    Raises:
        ValueError: it is written in another way.
    """
    if isinstance(text, dt.datetime):
        return text.astimezone(dt.UTC).replace(microsecond=0)
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError("expected a time as YYYY-MM-DDTHH:MM:SSZ")
    return dt.datetime.fromisoformat(text)


def moment_text(value: dt.datetime) -> str:
    """Write a time to the second, in UTC."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[dt.datetime, PlainValidator(moment), PlainSerializer(moment_text, return_type=str)]
GitObject = Annotated[str, StringConstraints(pattern=COMMIT_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=DIGEST_PATTERN)]
Named = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Login = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Ref = Annotated[str, StringConstraints(pattern=r"^refs/heads/[!-~]{1,200}$")]
Digests = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=400)], Sha256], Field(max_length=500)
]


class Statement(Document):
    """What every statement says: the branch that it is for, and the tree that it speaks about."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    predicate_type: ClassVar[str]
    namespace: ClassVar[str]

    target_ref: Ref
    tree: GitObject

    @property
    def subjects(self) -> list[dict[str, Any]]:
        """What the statement is about, as in-toto names it."""
        return [{"name": self.target_ref, "digest": {"gitTree": self.tree}}]

    def predicate(self) -> dict[str, Any]:
        """What it says about them."""
        return self.model_dump(by_alias=True, exclude_none=True)

    @classmethod
    def from_predicate(cls, predicate: Mapping[str, Any]) -> Any:
        """The statement that a predicate was made from."""
        return cls.model_validate(predicate, by_name=False)

    def to_bytes(self) -> bytes:
        """The payload that is signed."""
        document = {
            "_type": STATEMENT,
            "subject": self.subjects,
            "predicateType": self.predicate_type,
            "predicate": self.predicate(),
        }
        return canonical_json(document)
