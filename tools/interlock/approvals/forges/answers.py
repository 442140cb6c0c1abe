"""Reads what a forge answered: strict JSON, the few keys that are needed, each of the type that the API documents.

Called by `http`, `paging` and the readers. What else stands in an answer is ignored: forges add keys all the time.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.approvals.forges.connection import Answer
from interlock.errors import ForgeMisbehaved

MAX_WORDS: Final = 200
CommitId = Annotated[str, Field(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\z")]
AccountId = Annotated[int, Field(gt=0, lt=2**63)]
ShortText = Annotated[str, Field(max_length=1000)]


class Shape(BaseModel):
    """The keys of an answer that are read; a wrong type is an error, and nothing is converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


S = TypeVar("S", bound=Shape)


def json_of(answer: Answer, where: str) -> Any:
    """The JSON document in a body.

    Raises:
        ForgeMisbehaved: it is no JSON, or one with a key twice.
    """
    try:
        return json.loads(answer.body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60]
        what = "an empty body" if not answer.body.strip() else f"no JSON (content type {kind or 'not given'!r})"
        raise ForgeMisbehaved(
            f"{where}: the forge answered {what}",
            expected="the JSON that its API documents",
            remedy="check that the address is the forge's, and that no proxy or login page answers in its place",
        ) from error


def read(shape: type[S], document: Any, where: str) -> S:
    """The keys of `shape` in a JSON document.

    Raises:
        ForgeMisbehaved: a key is not there, or not of the type that the API documents.
    """
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"])) or "the answer"
        raise ForgeMisbehaved(
            f"{where}: {key} is not as the API documents it ({first['type']})",
            expected=f"the answer that the API of the forge documents, of which {shape.__name__.lstrip('_')} is read",
        ) from None


def refusal_words(answer: Answer, secrets: tuple[str, ...]) -> str:
    """What the forge says about its refusal, shortened, never with a token in it; "" where it says nothing."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    words = (document.get("message") or document.get("error")) if isinstance(document, dict) else None
    if not isinstance(words, str) or not words:
        return ""
    for secret in (part for text in secrets for part in (text, text.rpartition(" ")[2]) if part):
        words = words.replace(secret, "[token]")
    return f": {words[:MAX_WORDS]}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
