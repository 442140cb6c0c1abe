"""Requests for a revision that is not loaded yet: held while the agent, asked once for all of them, loads it.

Called by the middleware for names that the route table calls lazy. The route table alone says when a name is loaded;
the agent's answer only says when to look, or why it will not be. Bounded in everything: how many requests are held,
for how long, and what is read of the agent's answer. Refused with 503 and Retry-After otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from interlock.routing.asgi import Receive
from interlock.routing.asking import AgentAnswer, NoAnswer, ask_agent
from interlock.routing.refusal import Refusal, unavailable
from interlock.routing.settings import AGENT, HOLD_REQUESTS, RoutingSettings

log = logging.getLogger("interlock.routing")

PATIENCE_S = 5.0
"""How long the agent may keep one question before it says that it is still loading."""
PAUSE_S = 0.25
"""Before the agent is asked again, when it did not answer or the table does not say yet what it said."""

Ask = Callable[[str], Awaitable[AgentAnswer]]


class Waiting:
    """Holds requests; one question at a time for each served name. `ask` stands for the agent in tests."""

    def __init__(self, settings: RoutingSettings, ask: Ask | None = None) -> None:
        self._seconds = settings.hold_seconds
        self._most = settings.hold_requests
        self._ask = ask or (lambda name: ask_agent(settings.agent, settings.token, name, within=PATIENCE_S))
        self._able = ask is not None or settings.asks_agent
        self._questions: dict[str, asyncio.Task[Refusal | None]] = {}
        self._held = 0

    async def until_loaded(self, name: str, is_loaded: Callable[[], bool], receive: Receive) -> bool:
        """Return True when `is_loaded()` holds, False when the client went away before.

        Raises:
            Refusal: 503; the agent refuses or cannot be asked, too many requests wait, or the time is up.
        """
        if not self._able:
            log.warning("Interlock: %s is asked for and not loaded, and %s is not set", name, AGENT)
            raise unavailable("The model is not loaded, and nobody can be asked to load it.")
        if self._held >= self._most:
            log.warning("Interlock: %d requests wait for adapters, as many as %s allows", self._held, HOLD_REQUESTS)
            raise unavailable("Too many requests wait for models that are not loaded.", retry_after=1)
        self._held += 1
        try:
            return await _unless_gone(self._loaded(name, is_loaded), receive)
        finally:
            self._held -= 1

    async def _loaded(self, name: str, is_loaded: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while not is_loaded():
                    if refusal := await asyncio.shield(self._question(name)):
                        raise refusal
        except TimeoutError:
            found = f"The model is still being loaded after {self._seconds:g} seconds."
            raise unavailable(found, retry_after=5) from None

    def _question(self, name: str) -> asyncio.Task[Refusal | None]:
        """The question that is under way for this name, or a new one; its result is a refusal, never an exception."""
        task = self._questions.get(name)
        if task is None:
            task = self._questions[name] = asyncio.create_task(self._asked(name))
            task.add_done_callback(lambda _: self._questions.pop(name, None))
        return task

    async def _asked(self, name: str) -> Refusal | None:
        try:
            answer = await self._ask(name)
        except NoAnswer as error:
            log.warning("Interlock: the agent was asked for %s and did not answer: %s", name, error)
            await asyncio.sleep(PAUSE_S)
            return None
        if answer.refused:
            log.warning("Interlock: the agent does not load %s now: %s", name, answer.reason)
            return unavailable("The model cannot be loaded now.", retry_after=answer.retry_after)
        if not answer.loaded:
            await asyncio.sleep(PAUSE_S)
        return None


async def _unless_gone(work: Awaitable[None], receive: Receive) -> bool:
    """Wait for `work`, but not for longer than the client does; whether it was done."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not working.done():
            return False
        working.result()
        return True
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
