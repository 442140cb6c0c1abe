"""Whatever a forge answers: facts of the shape that was promised, or a typed error. Never a traceback, never a hang."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import strategies as st

from fuzz.budget import cases
from interlock.approvals.forges.address import ForgeKind
from interlock.approvals.reviews import ProposalFacts, Review, current_reviews
from interlock.errors import ForgeError
from support.forges.reading import KINDS, forge, simulator
from support.forges.telling import Story, reply, sha
from support.scripted_engine import ReceivedRequest

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def story() -> Story:
    told = Story()
    told.say(1002, "approved")
    told.push(1001, sha("b"))
    told.say(1003, "changes-requested")
    told.say(1004, "approved")
    return told


def places(document: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a document, the document itself included."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [way, *(place for key, value in items for place in places(value, (*way, key)))]


def replaced(document: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """A document with another value at one place."""
    if not way:
        return value
    copy: Any = list(document) if isinstance(document, list) else dict(document)
    copy[way[0]] = replaced(document[way[0]], way[1:], value)
    return copy


def sound(facts: ProposalFacts) -> bool:
    """Whether the types are what whoever judges them relies on."""
    return all(map(review_is_sound, current_reviews(facts.reviews))) and all(map(is_account, facts.pushers))


def review_is_sound(review: Review) -> bool:
    accounted = review.account is None or is_account(review.account)
    commit = review.commit
    return accounted and (commit is None or (len(commit) in (40, 64) and set(commit) <= set("0123456789abcdef")))


def is_account(account: object) -> bool:
    return type(account) is int and account > 0


@cases(240, st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 400), VALUES)
def test_one_value_of_an_answer_may_be_anything(kind: ForgeKind, number: int, place: int, value: Any) -> None:
    plays = simulator(kind, story())
    asked: list[str] = []

    def altered(request: ReceivedRequest) -> list[bytes]:
        asked.append(request.path)
        (whole,) = plays(request)
        if len(asked) - 1 != number:
            return [whole]
        document = json.loads(whole.partition(b"\r\n\r\n")[2])
        ways = places(document)
        return reply(replaced(document, ways[place % len(ways)], value))

    with forge(kind, altered) as reading, contextlib.suppress(ForgeError):
        assert sound(reading.read())


@cases(120, st.sampled_from(KINDS), st.integers(0, 5), st.binary(max_size=200))
def test_an_answer_may_be_any_bytes(kind: ForgeKind, number: int, data: bytes) -> None:
    plays = simulator(kind, story())
    asked: list[str] = []

    def altered(request: ReceivedRequest) -> list[bytes]:
        asked.append(request.path)
        return [data] if len(asked) - 1 == number else plays(request)

    with forge(kind, altered) as reading, contextlib.suppress(ForgeError):
        assert sound(reading.read(call_s=2.0))
