"""One answer, from a request to its pieces of text: the part that completions and chat completions share.

Called by server.py on the event loop. Refuses, before anything runs, a model that is not served, a prompt that leaves
no room for the answer, and requests beyond `max_waiting`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from interlock.engines.embedded.adapters import Adapters, Lease
from interlock.engines.embedded.batching import ModelThread, Update
from interlock.engines.embedded.generation import LanguageModel, Row, Sampling
from interlock.engines.embedded.metrics import Metrics
from interlock.engines.embedded.protocol import FinishReason, SamplingRequest
from interlock.engines.embedded.refusals import Refusal, bad_request, overloaded, unloadable
from interlock.engines.embedded.settings import EngineSettings
from interlock.engines.embedded.tokenizing import AnswerText, Tokenization


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer; the last one has `finish`, and `stop` when a stop text ended it."""

    text: str
    finish: FinishReason | None = None
    stop: str | None = None


class Answer:
    """An answer that is being produced. Whoever began it must close it, finished or not."""

    def __init__(self, model: str, row: Row, text: AnswerText, lease: Lease | None) -> None:
        self.model = model
        self.row = row
        self._text = text
        self._lease = lease
        self._updates: asyncio.Queue[Update] = asyncio.Queue()
        self._tokens = 0
        self.outcome = "cancelled"

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        return len(self.row.prompt)

    @property
    def completion_tokens(self) -> int:
        """Tokens of the answer so far, the one that ended it included."""
        return self._tokens

    def take(self, update: Update) -> None:
        """Queue what the model reported."""
        self._updates.put_nowait(update)

    async def pieces(self) -> AsyncIterator[Piece]:
        """The answer piece by piece; the last piece has a finish reason.

        Raises:
            Refusal: the engine failed on the way.
        """
        while True:
            update = await self._updates.get()
            if update.failed or update.token is None:
                self.outcome = "failed"
                raise unloadable("the engine failed while it answered")
            self._tokens += 1
            text = self._text.add(update.token)
            if update.finish is not None:
                text += self._text.end()
            finish: FinishReason | None = "stop" if self._text.stopped_by else update.finish
            if finish is not None:
                self.outcome = finish
                yield Piece(text, finish, self._text.stopped_by)
                return
            if text:
                yield Piece(text)

    def release(self) -> None:
        """Let the row leave the batch and the adapter go."""
        self.row.cancelled = True
        if self._lease is not None:
            self._lease.release()


class Answers:
    """Begins answers, hands the model's updates to them, and closes them."""

    def __init__(
        self,
        settings: EngineSettings,
        model: LanguageModel,
        tokenization: Tokenization,
        thread: ModelThread,
        adapters: Adapters,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._model = model
        self._tokenization = tokenization
        self._thread = thread
        self._adapters = adapters
        self._metrics = metrics
        self._open: dict[Row, Answer] = {}

    def dispatch(self, updates: Sequence[Update]) -> None:
        """Give updates to their answers; those of answers that are closed are dropped."""
        for update in updates:
            answer = self._open.get(update.row)
            if answer is not None:
                answer.take(update)

    async def begin(self, request: SamplingRequest, prompt: Sequence[int], max_tokens: int | None) -> Answer:
        """Start to answer `prompt` with at most `max_tokens` tokens (None: as many as fit); close it with `close`.

        Raises:
            Refusal: the model is not served or cannot be read, the prompt does not fit, or too many requests wait.
        """
        model = request.model or self._settings.served_names[0]
        sampling = self._sampling(request, prompt, max_tokens)
        if len(self._open) >= self._settings.max_waiting:
            raise overloaded(f"{len(self._open)} requests are being answered or wait; try again later")
        lease = None if model in self._settings.served_names else await self._adapters.acquire(model)
        row = Row(tuple(prompt), lease.handle if lease else None, sampling)
        answer = Answer(model, row, AnswerText(self._tokenization, prompt, request.stops), lease)
        self._open[row] = answer
        self._metrics.request_began(model)
        try:
            self._thread.submit(row)
        except Refusal:
            self.close(answer)
            raise
        return answer

    def close(self, answer: Answer) -> None:
        """End an answer: count it, and let its row and its adapter go. More than once is no more than once."""
        if self._open.pop(answer.row, None) is not None:
            answer.release()
            self._metrics.request_ended(answer.model, answer.outcome, answer.completion_tokens)

    def _sampling(self, request: SamplingRequest, prompt: Sequence[int], max_tokens: int | None) -> Sampling:
        room = self._model.max_model_len - len(prompt)
        if room < 1 or (max_tokens or 0) > room:
            raise bad_request(
                f"This model's maximum context length is {self._model.max_model_len} tokens. The prompt has"
                f" {len(prompt)} tokens and {max_tokens or 1} are asked for.",
                param="max_tokens",
            )
        if not prompt or max(prompt) >= self._model.vocabulary:
            raise bad_request("the prompt is empty or holds a token that the model does not know", param="prompt")
        return Sampling(max_tokens or room, request.temperature, request.top_p, request.seed, request.ignore_eos)
