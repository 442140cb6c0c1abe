"""What each address of the embedded engine does. The routes are made by server.py."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

import interlock
from interlock.engines.embedded import protocol
from interlock.engines.embedded.adapters import Adapters
from interlock.engines.embedded.answer_formats import CHAT, COMPLETION, AnswerFormat, StreamedAnswer, whole_answer
from interlock.engines.embedded.batching import ModelThread
from interlock.engines.embedded.completions import Answers
from interlock.engines.embedded.generation import LanguageModel
from interlock.engines.embedded.metrics import Metrics
from interlock.engines.embedded.refusals import Refusal, not_found
from interlock.engines.embedded.settings import EngineSettings
from interlock.engines.embedded.tokenizing import Tokenization

MAX_REQUEST_BYTES: Final = 1024 * 1024
ENGINE_NAME: Final = "interlock-embedded"
"""What `/version` calls this engine; the driver asks for it."""


class Endpoints:
    """The handlers, over the parts of one engine."""

    def __init__(
        self,
        settings: EngineSettings,
        model: LanguageModel,
        tokenization: Tokenization,
        thread: ModelThread,
        adapters: Adapters,
        answers: Answers,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._model = model
        self._tokenization = tokenization
        self._thread = thread
        self._adapters = adapters
        self._answers = answers
        self._metrics = metrics
        self._started = int(time.time())

    async def health(self, request: Request) -> Response:
        """200 while requests are answered, 503 once the model's thread has ended."""
        return Response(status_code=HTTPStatus.OK if self._thread.alive else HTTPStatus.SERVICE_UNAVAILABLE)

    async def version(self, request: Request) -> Response:
        """The version of Interlock, and that this is its engine."""
        return JSONResponse({"version": interlock.__version__, "engine": ENGINE_NAME})

    async def metrics(self, request: Request) -> Response:
        """Counters as Prometheus text."""
        text = self._metrics.text(registered=len(self._adapters.directories), resident=self._adapters.resident)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def models(self, request: Request) -> Response:
        """The base under each of its names, then the registered adapters."""
        names, root, length = self._settings.served_names, str(self._settings.base), self._model.max_model_len
        cards = [
            protocol.model_card(name, root, parent=None, max_model_len=length, created=self._started) for name in names
        ]
        cards += [
            protocol.model_card(name, directory, parent=names[0], max_model_len=None, created=self._started)
            for name, directory in self._adapters.directories.items()
        ]
        return JSONResponse({"object": "list", "data": cards})

    async def completions(self, request: Request) -> Response:
        """`/v1/completions`."""
        asked = protocol.parse(protocol.CompletionRequest, await _body(request))
        prompt = self._tokenization.text(asked.prompt) if isinstance(asked.prompt, str) else asked.prompt
        return await self._answer(asked, prompt, asked.max_tokens, COMPLETION)

    async def chat(self, request: Request) -> Response:
        """`/v1/chat/completions`."""
        asked = protocol.parse(protocol.ChatRequest, await _body(request))
        prompt = self._tokenization.conversation(asked.messages)
        return await self._answer(asked, prompt, asked.max_completion_tokens or asked.max_tokens, CHAT)

    async def tokenize(self, request: Request) -> Response:
        """`/tokenize`: a prompt gets special tokens by default, a conversation only those of its template."""
        asked = protocol.parse(protocol.TokenizeRequest, await _body(request))
        self._refuse_unknown(asked.model)
        if asked.messages is not None:
            ids = self._tokenization.conversation(
                asked.messages,
                generation_prompt=asked.add_generation_prompt,
                special_tokens=bool(asked.add_special_tokens),
            )
        else:
            ids = self._tokenization.text(asked.prompt or "", special_tokens=asked.add_special_tokens is not False)
        strings = self._tokenization.strings(ids) if asked.return_token_strs else None
        return JSONResponse(
            {"count": len(ids), "max_model_len": self._model.max_model_len, "tokens": ids, "token_strs": strings}
        )

    async def load_adapter(self, request: Request) -> Response:
        """`/v1/load_lora_adapter`."""
        asked = protocol.parse(protocol.LoadRequest, await _body(request))
        await self._adapters.load(asked.lora_name, asked.lora_path, lazy=asked.lazy)
        return PlainTextResponse(f"Success: LoRA adapter '{asked.lora_name}' added successfully.")

    async def unload_adapter(self, request: Request) -> Response:
        """`/v1/unload_lora_adapter`."""
        asked = protocol.parse(protocol.UnloadRequest, await _body(request))
        await self._adapters.unload(asked.lora_name)
        return PlainTextResponse(f"Success: LoRA adapter '{asked.lora_name}' removed successfully.")

    async def _answer(
        self, asked: protocol.SamplingRequest, prompt: list[int], max_tokens: int | None, form: AnswerFormat
    ) -> Response:
        try:
            answer = await self._answers.begin(asked, prompt, max_tokens)
        except Refusal:
            self._metrics.request_refused()
            raise
        if asked.stream:
            return StreamedAnswer(self._answers, answer, form, with_usage=asked.counts_in_stream)
        try:
            return JSONResponse(await whole_answer(answer, form))
        finally:
            self._answers.close(answer)

    def _refuse_unknown(self, model: str | None) -> None:
        if model and model not in self._settings.served_names and model not in self._adapters.directories:
            raise not_found(f"The model `{model}` does not exist.", param="model")


async def _body(request: Request) -> bytes:
    """The request's body. Raises Refusal (413) as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise Refusal(
                f"the body is longer than {MAX_REQUEST_BYTES} bytes",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                kind="BadRequestError",
            )
    return bytes(body)
