"""The page on which the middleware asks: who may, what is understood, and what is answered."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future

import pytest

from interlock.sync.http.exchange import Answer, Request
from interlock.sync.http.want import WantPage
from interlock.sync.plan import Held
from interlock.sync.wants import MAX_ASKING, Granted, TurnedAway, WantAnswer, Wants

NAME, OTHER = "support-bot@7-1f3a9c2b4d5e", "sql-helper@1-00112233aabb"
TOKEN = (("x-interlock-token", "the-token"),)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def asked(answer: WantAnswer | None, body: object, headers: tuple[tuple[str, str], ...] = TOKEN) -> Answer:
    """The page's answer, while the agent says `answer`, or nothing in time."""
    names: list[str] = []

    def want(name: str) -> Future[WantAnswer]:
        names.append(name)
        future: Future[WantAnswer] = Future()
        if answer is not None:
            future.set_result(answer)
        return future

    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = asyncio.run(WantPage(want, "the-token").ask(Request("POST", "/want", headers, data)))
    assert names == ([NAME] if found.status in (200, 202, 503) else [])
    return found


QUESTION = {"name": NAME, "seconds": 0.01}


def test_an_adapter_that_is_loaded_is_answered_with_200_and_one_that_takes_longer_with_202() -> None:
    assert asked(Granted(), QUESTION).status == 200
    assert asked(None, QUESTION).status == 202


def test_a_refusal_says_why_and_when_to_come_again() -> None:
    answer = asked(TurnedAway("no room", 7.5), QUESTION)
    assert (answer.status, json.loads(answer.body)) == (503, {"reason": "no room", "retry_after": 7.5})


@pytest.mark.parametrize("headers", [(), (("x-interlock-token", "wrong"),), (*TOKEN, *TOKEN)])
def test_without_the_token_nobody_may_ask(headers: tuple[tuple[str, str], ...]) -> None:
    assert asked(Granted(), QUESTION, headers).status == 401


def test_where_no_token_is_set_nobody_may_ask() -> None:
    page = WantPage(lambda _: Future(), "")
    assert asyncio.run(page.ask(Request("POST", "/want", (("x-interlock-token", ""),)))).status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 2000,
        [],
        {"name": NAME},
        {"name": NAME, "seconds": True},
        {"name": 7, "seconds": 1},
        {"name": "../x", "seconds": 1},
    ],
    ids=["empty", "no-text", "deep", "list", "no-seconds", "bool", "number", "path"],
)
def test_a_question_that_cannot_be_read_is_refused(body: object) -> None:
    assert asked(Granted(), body).status == 400


# --- where the page meets the loop


def test_what_is_asked_during_a_turn_is_not_answered_by_it_unless_it_is_loaded() -> None:
    wants = Wants(Clock(), lambda: None)
    early = wants.ask(NAME)
    assert wants.take() == {NAME}
    late = wants.ask(OTHER)
    wants.settle(granted=[], refused=[], known=[])
    assert isinstance(early.result(0), TurnedAway)
    assert not late.done()


def test_all_who_ask_for_one_name_get_one_answer_and_those_who_left_get_none() -> None:
    wakes: list[None] = []
    wants = Wants(Clock(), lambda: wakes.append(None))
    first, second, gone = (wants.ask(NAME) for _ in range(3))
    gone.cancel()
    assert wants.take() == {NAME}
    wants.settle(granted=[NAME], refused=[], known=None)
    assert first.result(0) == second.result(0) == Granted()
    assert len(wakes) == 3
    assert wants.take() == frozenset()


def test_a_reason_is_told_with_the_seconds_until_it_may_be_over() -> None:
    wants = Wants(Clock(), lambda: None)
    future = wants.ask(NAME)
    wants.take()
    wants.settle(granted=[], refused=[Held(NAME, "no room", "raise lazy.max", 103.0)], known=[NAME])
    assert future.result(0) == TurnedAway("no room — raise lazy.max", 3.0)


def test_what_is_neither_loaded_nor_refused_stays_open_but_not_for_ever() -> None:
    clock = Clock()
    wants = Wants(clock, lambda: None)
    future = wants.ask(NAME)
    wants.take()
    wants.settle(granted=[], refused=[], known=[NAME])
    assert not future.done()
    clock.now += 61
    assert wants.take() == frozenset()


def test_no_more_wait_than_may() -> None:
    wants = Wants(Clock(), lambda: None)
    for _ in range(MAX_ASKING):
        wants.ask(NAME)
    assert isinstance(wants.ask(OTHER).result(0), TurnedAway)
