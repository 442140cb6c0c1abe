"""A simulated LoRAX: `/generate` with `adapter_id` and `adapter_source`, OpenAI's form, `/info`, `/tokenize`, counters.

From router/src of predibase/lorax and server/lorax_server/utils/sources/local.py, and its documentation. Its manners:
no call loads, lists or unloads an adapter; the source of an adapter is the launcher's unless a native request says
another; what was read from a path is remembered by that path and never read again; a restart forgets everything,
and shows it only in its counters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from support.simulators.openai_api import answer, asked
from support.simulators.telling_model import Letters, TellingModel, UnreadableAdapter
from support.simulators.text_generation import failed, tokenized, too_long

VERSION = "0.12.1"


class _Failed(Exception):
    """The adapter cannot be had; the message is the engine's."""


@dataclass
class LoraxSimulator:
    """One engine. `deaf`: it marks answers with the adapter that was asked for, and serves the base."""

    model: TellingModel
    adapter_source: str = "local"
    deaf: bool = False
    read: dict[str, Letters] = field(default_factory=dict)
    requests: int = 0

    def restart(self) -> None:
        """A new process: nothing was read, nothing was asked."""
        self.read.clear()
        self.requests = 0

    def application(self) -> Starlette:
        """The HTTP interface."""
        return Starlette(
            routes=[
                Route("/generate", self._generate, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/info", self._info),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/metrics", self._metrics),
                Route("/health", self._healthy),
            ]
        )

    async def _generate(self, request: Request) -> Response:
        body = await request.json()
        self.requests += 1
        parameters = body.get("parameters") or {}
        adapter, source = parameters.get("adapter_id") or "", parameters.get("adapter_source")
        try:
            letters = self._adapter(adapter, source or self.adapter_source)
        except _Failed as error:
            return failed(f"Request failed during generation: {error}", "generation", 424)
        pieces = self.model.pieces(self.model.tokens(body["inputs"]), parameters.get("max_new_tokens") or 20, letters)
        headers = self._marks(adapter, source or self.adapter_source)
        return JSONResponse({"generated_text": "".join(pieces)}, headers=headers)

    async def _complete(self, request: Request) -> Response:
        body = await asked(request, self.model)
        self.requests += 1
        if body.too_long:
            return too_long(body)
        adapter = "" if body.model == str(self.model.root) else body.model
        try:
            letters = self._adapter(adapter, self.adapter_source)
        except _Failed as error:
            return failed(f"Request failed during generation: {error}", "generation", 424)
        headers = self._marks(adapter, self.adapter_source)
        return answer(self.model, body, letters, named=body.model, headers=headers)

    def _adapter(self, adapter: str, source: str) -> Letters | None:
        if not adapter:
            return None
        if source != "local":
            raise _Failed(f"401 Client Error: Repository Not Found for {adapter} on the {source}")
        if adapter not in self.read:
            try:
                self.read[adapter] = self.model.read(Path(adapter))
            except UnreadableAdapter as error:
                raise _Failed(str(error)) from error
        return None if self.deaf else self.read[adapter]

    def _marks(self, adapter: str, source: str) -> dict[str, str]:
        marks = {"x-model-id": str(self.model.root)}
        return marks | ({"x-adapter-id": adapter, "x-adapter-source": source} if adapter else {})

    async def _info(self, _: Request) -> Response:
        info = {"model_id": str(self.model.root), "model_sha": None, "version": VERSION, "request_logger_url": None}
        return JSONResponse(info)

    async def _tokenize(self, request: Request) -> Response:
        return await tokenized(request, self.model)

    async def _metrics(self, _: Request) -> Response:
        counted = f"# TYPE lorax_request_count counter\nlorax_request_count {self.requests}\n" if self.requests else ""
        return PlainTextResponse(counted)

    async def _healthy(self, _: Request) -> Response:
        return Response()
