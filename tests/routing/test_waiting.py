"""Requests for what is not loaded yet: one question for all of them, bounded in number and time, and never a leak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from interlock.routing.asking import AgentAnswer, NoAnswer
from interlock.routing.refusal import Refusal
from interlock.routing.settings import AgentAddress, RoutingSettings
from interlock.routing.waiting import Waiting
from support.route_tables import OLD, SQL


class Agent:
    """Answers questions when a test says so, and counts them."""

    def __init__(self, *answers: AgentAnswer | NoAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.loaded: set[str] = set()
        self.may_answer = asyncio.Event()

    async def __call__(self, name: str) -> AgentAnswer:
        self.asked.append(name)
        await self.may_answer.wait()
        answer = self.answers.pop(0) if self.answers else AgentAnswer(loaded=True)
        if isinstance(answer, NoAnswer):
            raise answer
        if answer.loaded:
            self.loaded.add(name)
        return answer


async def staying() -> dict[str, Any]:
    """The `receive` of a client that waits for its answer."""
    return await asyncio.Future()


async def leaving() -> dict[str, Any]:
    """The `receive` of a client that hangs up."""
    return {"type": "http.disconnect"}


def waiting(agent: Agent, **settings: Any) -> Callable[..., Awaitable[bool]]:
    held = Waiting(RoutingSettings(**settings), agent)
    return lambda name, receive=staying: held.until_loaded(name, lambda: name in agent.loaded, receive)


def test_a_hundred_requests_ask_once_and_all_go_on() -> None:
    async def run() -> tuple[list[bool], list[str]]:
        agent = Agent()
        held = waiting(agent)
        requests = [asyncio.ensure_future(held(name)) for name in [OLD] * 100 + [SQL] * 3]
        await asyncio.sleep(0)
        agent.may_answer.set()
        return await asyncio.gather(*requests), agent.asked

    outcomes, asked = asyncio.run(run())
    assert outcomes == [True] * 103
    assert sorted(asked) == [SQL, OLD]


def test_all_who_wait_get_the_same_refusal_and_the_next_one_asks_again() -> None:
    async def run() -> list[str]:
        agent = Agent(AgentAnswer(refused=True, reason="secret names", retry_after=7))
        agent.may_answer.set()
        held = waiting(agent)
        refused = await asyncio.gather(*(held(OLD) for _ in range(5)), return_exceptions=True)
        for error in refused:
            assert isinstance(error, Refusal)
            assert (error.status, error.retry_after) == (503, 7)
            assert "secret" not in str(error)
        assert await held(OLD)
        return agent.asked

    assert asyncio.run(run()) == [OLD, OLD]


def test_while_the_agent_is_busy_or_away_it_is_asked_again() -> None:
    async def run() -> list[str]:
        agent = Agent(AgentAnswer(), NoAnswer("it restarts"))
        agent.may_answer.set()
        assert await waiting(agent)(OLD)
        return agent.asked

    assert asyncio.run(run()) == [OLD] * 3


def test_nobody_waits_longer_than_allowed() -> None:
    async def run() -> None:
        with pytest.raises(Refusal, match="still being loaded") as caught:
            await waiting(Agent(), hold_seconds=0.02)(OLD)
        assert (caught.value.status, caught.value.retry_after) == (503, 5)

    asyncio.run(run())


def test_no_more_requests_wait_than_allowed_and_those_that_left_do_not_count() -> None:
    async def run() -> None:
        agent = Agent()
        held = waiting(agent, hold_requests=2)
        assert not await held(OLD, leaving)
        requests = [asyncio.ensure_future(held(OLD)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="Too many"):
            await held(OLD)
        agent.may_answer.set()
        assert await asyncio.gather(*requests) == [True, True]
        assert agent.asked == [OLD], "the question goes on although the client that caused it left"

    asyncio.run(run())


@pytest.mark.parametrize(
    "settings", [RoutingSettings(), RoutingSettings(token=b"x"), RoutingSettings(agent=AgentAddress("127.0.0.1", 1))]
)
def test_without_an_address_or_a_token_nobody_is_asked_and_the_request_is_refused(settings: RoutingSettings) -> None:
    with pytest.raises(Refusal, match="nobody can be asked"):
        asyncio.run(Waiting(settings).until_loaded(OLD, lambda: False, staying))
