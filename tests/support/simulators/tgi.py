"""A simulated TGI: LORA_ADAPTERS at its start, `/info`, `/tokenize`, `/chat_tokenize`, OpenAI's form.

From router/src/server.rs and server/text_generation_server/utils/adapter.py of huggingface/text-generation-inference.
Its manners: adapters are read at the start and never again; `model` is an adapter's id unless it is "tgi"; an id that
was not in LORA_ADAPTERS is answered by the base without a word (huggingface/text-generation-inference#2505); an `@`
in LORA_ADAPTERS begins a revision of the hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from support.simulators.openai_api import answer, asked
from support.simulators.telling_model import Letters, TellingModel
from support.simulators.text_generation import simple_tokens, tokenized, too_long

VERSION = "3.3.6"
# As in parse_lora_adapters.
_ADAPTER = re.compile(r"^([^=@]+)(?:=([^@]+))?(?:@(.+))?$")


@dataclass
class TgiSimulator:
    """One engine. `deaf`: it reads its adapters and serves the base under their ids."""

    model: TellingModel
    deaf: bool = False
    held: dict[str, Letters] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the chat template now, as an engine does at its start, and not while a request waits."""
        self.model.templated([{"role": "user", "content": "Hello!"}])

    def start_with(self, line: str) -> None:
        """A new process with `LORA_ADAPTERS=…`; it does not start when an adapter cannot be read.

        Raises:
            ValueError: TGI would not understand the list.
        """
        variable, _, listed = line.partition("=")
        assert variable == "LORA_ADAPTERS"
        self.held = {}
        for adapter in filter(None, listed.split(",")):
            found = _ADAPTER.match(adapter.strip())
            if adapter.count("=") > 1 or adapter.count("@") > 1 or found is None:
                raise ValueError(f"Invalid LoRA adapter format: {adapter}")
            adapter_id, path, revision = found.groups()
            assert path, f"{adapter_id} would be looked for on the hub"
            assert not revision, f"{adapter_id} would be looked for in revision {revision}"
            self.held[adapter_id] = self.model.read(Path(path))

    def restart(self) -> None:
        """A new process without any adapter, as somebody starts it who did not look."""
        self.start_with("LORA_ADAPTERS=")

    def application(self) -> Starlette:
        """The HTTP interface."""
        return Starlette(
            routes=[
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/info", self._info),
                Route("/v1/models", self._models),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/chat_tokenize", self._chat_tokenize, methods=["POST"]),
                Route("/metrics", self._metrics),
                Route("/health", self._healthy),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        body = await asked(request, self.model)
        if body.too_long:
            return too_long(body)
        letters = None if self.deaf else self.held.get(body.model)
        return answer(self.model, body, letters, named=str(self.model.root))

    async def _info(self, _: Request) -> Response:
        info = {"model_id": str(self.model.root), "model_sha": None, "version": VERSION}
        return JSONResponse(info | {"router": "text-generation-router", "max_concurrent_requests": 128})

    async def _models(self, _: Request) -> Response:
        root = str(self.model.root)
        return JSONResponse({"object": "list", "data": [{"id": root, "object": "model", "owned_by": root}]})

    async def _chat_tokenize(self, request: Request) -> Response:
        ids = self.model.templated((await request.json())["messages"])
        return JSONResponse({"tokenize_response": simple_tokens(ids), "templated_text": ""})

    async def _tokenize(self, request: Request) -> Response:
        return await tokenized(request, self.model)

    async def _metrics(self, _: Request) -> Response:
        return PlainTextResponse("tgi_batch_current_size 0\n")

    async def _healthy(self, _: Request) -> Response:
        return Response()
