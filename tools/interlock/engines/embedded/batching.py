"""The one thread that touches the model: it answers waiting requests in a batch, token by token.

Requests join the batch and leave it between two steps, each with its own adapter, so a short answer does not wait for
a long one. Attaching and detaching adapters are calls on the same thread, also between two steps: no lock, and no
adapter changes while a step uses it. Called by completions.py and adapters.py from the server's event loop.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Literal

from interlock.engines.embedded.generation import Batch, LanguageModel, Row
from interlock.engines.embedded.refusals import Refusal, overloaded

LOG: Final = logging.getLogger("interlock.engine")


@dataclass(frozen=True, slots=True)
class Update:
    """What happened to a row: a token, its end, or both; `failed` says that the engine could not go on with it."""

    row: Row
    token: int | None = None
    finish: Literal["stop", "length"] | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    work: Callable[[], Any]
    outcome: Future[Any]


class ModelThread:
    """Runs the model. `deliver` is called on this thread with the updates of each step and must only pass them on."""

    def __init__(
        self,
        model: LanguageModel,
        deliver: Callable[[Sequence[Update]], None],
        *,
        max_rows: int,
        max_adapters: int,
    ) -> None:
        self._model = model
        self._deliver = deliver
        self._max_rows = max_rows
        self._max_adapters = max_adapters
        self._inbox: queue.SimpleQueue[Row | _Call | None] = queue.SimpleQueue()
        self._waiting: deque[Row] = deque()
        self._batch = Batch(model)
        self._gate = threading.Lock()
        self._stopping = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current step; rows that are not finished get a failed update."""
        self._inbox.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether requests are being answered."""
        return self._thread.is_alive() and not self._closed

    def submit(self, row: Row) -> None:
        """Queue a row; its updates go to `deliver`. Raises Refusal (503) when the engine has stopped."""
        self._put(row)

    def call(self, work: Callable[[], Any]) -> Future[Any]:
        """Run `work`, which raises nothing but Refusal, between two steps and before rows that are submitted later.

        Raises Refusal (503) when the engine has stopped.
        """
        call = _Call(work, Future())
        self._put(call)
        return call.outcome

    def _put(self, item: Row | _Call) -> None:
        with self._gate:
            if self._closed:
                raise overloaded("the engine has stopped")
            self._inbox.put(item)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._take_inbox()
                self._drop_cancelled()
                self._turn()
        finally:
            self._close()

    def _close(self) -> None:
        """Whatever ended the loop: nobody waits for an answer that will not come."""
        with self._gate:
            self._closed = True
        while not self._inbox.empty():
            item = self._inbox.get()
            if isinstance(item, Row):
                self._waiting.append(item)
            elif item is not None:
                item.outcome.set_exception(overloaded("the engine has stopped"))
        self._fail([*self._batch.rows, *self._waiting])

    def _take_inbox(self) -> None:
        """Take everything that arrived; wait for something when there is nothing to do."""
        idle = not self._batch.rows and not self._waiting
        while True:
            try:
                item = self._inbox.get(block=idle)
            except queue.Empty:
                return
            idle = False
            if item is None:
                self._stopping = True
            elif isinstance(item, Row):
                self._waiting.append(item)
            else:
                _perform(item)

    def _drop_cancelled(self) -> None:
        self._waiting = deque(row for row in self._waiting if not row.cancelled)
        self._batch.keep([row for row in self._batch.rows if not row.cancelled])

    def _turn(self) -> None:
        """Step the rows in the batch, then let waiting ones in.

        What torch and PEFT raise over a row ends the rows of the batch and nothing else.
        """
        newcomers: list[Row] = []
        try:
            if self._batch.rows:
                self._account(list(self._batch.rows), self._batch.step())
            newcomers = self._admissible()
            if newcomers:
                self._account(newcomers, self._batch.admit(newcomers))
        except (RuntimeError, IndexError, ValueError) as error:
            LOG.error("a step failed, and its requests with it: %s", error)
            lost = {*self._batch.rows, *newcomers}
            self._batch = Batch(self._model)
            self._fail(lost)

    def _admissible(self) -> list[Row]:
        """Take waiting rows in their order, as far as the batch has room for them and for their adapters."""
        newcomers: list[Row] = []
        adapters = {row.adapter for row in self._batch.rows if row.adapter}
        while self._waiting and len(self._batch.rows) + len(newcomers) < self._max_rows:
            adapter = self._waiting[0].adapter
            if adapter and adapter not in adapters and len(adapters) >= self._max_adapters:
                break
            adapters |= {adapter} if adapter else set()
            newcomers.append(self._waiting.popleft())
        return newcomers

    def _account(self, rows: Sequence[Row], tokens: Sequence[int]) -> None:
        """Report one token of each row, and let the rows go that are finished."""
        updates = [self._update(row, token) for row, token in zip(rows, tokens, strict=True)]
        finished = {id(update.row) for update in updates if update.finish}
        if finished:
            self._batch.keep([row for row in self._batch.rows if id(row) not in finished])
        self._deliver(updates)

    def _update(self, row: Row, token: int) -> Update:
        if token in self._model.end_tokens and not row.sampling.ignore_eos:
            return Update(row, token, "stop")
        return Update(row, token, "length" if row.produced >= row.sampling.max_tokens else None)

    def _fail(self, rows: Iterable[Row]) -> None:
        lost = [Update(row, failed=True) for row in rows]
        if lost:
            self._deliver(lost)


def _perform(call: _Call) -> None:
    """Run the call and hand its result over to whoever waits for it; a bug in it ends the thread, not the wait."""
    try:
        call.outcome.set_result(call.work())
    except Refusal as refusal:
        call.outcome.set_exception(refusal)
    finally:
        if not call.outcome.done():
            call.outcome.set_exception(overloaded("the engine failed"))
