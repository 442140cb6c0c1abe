"""A simulated SGLang: `/load_lora_adapter`, `/unload_lora_adapter`, `/v1/models`, `/server_info`, `/tokenize`.

From python/sglang/srt/entrypoints/http_server.py, srt/lora/lora_registry.py and srt/managers of sgl-project/sglang, and
its documentation. Its manners: a request names BASE:ADAPTER, and whatever has no colon is the base, whether that name
exists or not; an unload answers when the running requests are over; beyond `max_loaded_loras` the least recently used
adapter is dropped; a restart forgets everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.simulators.openai_api import Asked, answer, asked
from support.simulators.telling_model import MAX_MODEL_LEN, Letters, TellingModel, UnreadableAdapter

VERSION = "0.5.9"


@dataclass
class SglangSimulator:
    """One engine. `deaf`: it says that it loads adapters, and serves the base under their names."""

    model: TellingModel
    name: str = "tiny"
    max_loaded_loras: int = 8
    admin_api_key: str = ""
    deaf: bool = False
    paths: OrderedDict[str, str] = field(default_factory=OrderedDict)
    letters: dict[str, Letters] = field(default_factory=dict)
    running: Counter[str] = field(default_factory=Counter)

    def restart(self) -> None:
        """A new process: nothing is loaded."""
        self.paths.clear()
        self.letters.clear()

    def application(self) -> Starlette:
        """The HTTP interface."""
        return Starlette(
            routes=[
                Route("/load_lora_adapter", self._load, methods=["POST"]),
                Route("/unload_lora_adapter", self._unload, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/server_info", self._server_info),
                Route("/model_info", self._model_info),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/health", _healthy),
            ]
        )

    async def _load(self, request: Request) -> Response:
        if refused := self._unauthorized(request):
            return refused
        body = await request.json()
        name, path = body["lora_name"], body["lora_path"]
        if name in self.paths:
            return self._outcome(f"LoRA with name {name} already exists. Loaded LoRAs: {list(self.paths)}")
        try:
            letters = self.model.read(Path(path))
        except UnreadableAdapter as error:
            return self._outcome(f"Failed to load LoRA adapter {name}: {error}")
        self.paths[name] = path
        self.letters[name] = Letters(()) if self.deaf else letters
        while len(self.paths) > self.max_loaded_loras:
            oldest, _ = self.paths.popitem(last=False)
            self.letters.pop(oldest)
        return self._outcome("")

    async def _unload(self, request: Request) -> Response:
        if refused := self._unauthorized(request):
            return refused
        name = (await request.json())["lora_name"]
        if name not in self.paths:
            return self._outcome(f"LoRA with name {name} does not exist. Loaded LoRAs: {list(self.paths)}")
        del self.paths[name]
        while self.running[name]:
            await asyncio.sleep(0.005)
        self.letters.pop(name, None)
        return self._outcome("")

    def _unauthorized(self, request: Request) -> Response | None:
        if self.admin_api_key and request.headers.get("authorization") != f"Bearer {self.admin_api_key}":
            return JSONResponse({"error": "Unauthorized"}, 401)
        return None

    def _outcome(self, error: str) -> Response:
        body = {"success": not error, "error_message": error, "loaded_adapters": dict(self.paths)}
        return JSONResponse(body, 400 if error else 200)

    async def _models(self, _: Request) -> Response:
        base = {"id": self.name, "object": "model", "root": self.name, "parent": None, "max_model_len": MAX_MODEL_LEN}
        adapters = [
            {"id": name, "object": "model", "root": path, "parent": self.name, "max_model_len": None}
            for name, path in self.paths.items()
        ]
        return JSONResponse({"object": "list", "data": [base, *adapters]})

    async def _server_info(self, _: Request) -> Response:
        info = {"model_path": str(self.model.root), "enable_lora": True, "version": VERSION, "internal_states": []}
        return JSONResponse(info)

    async def _model_info(self, _: Request) -> Response:
        root = str(self.model.root)
        return JSONResponse({"model_path": root, "tokenizer_path": root, "is_generation": True})

    async def _tokenize(self, request: Request) -> Response:
        body = await request.json()
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            return _error("Invalid prompt type. Expected str or List[str].")
        ids = self.model.tokenizer.encode(prompt, add_special_tokens=body.get("add_special_tokens", True)).ids
        return JSONResponse({"tokens": ids, "count": len(ids), "max_model_len": MAX_MODEL_LEN})

    async def _complete(self, request: Request) -> Response:
        body = await asked(request, self.model)
        if body.too_long:
            return _error(f"The input ({len(body.prompt)} tokens) is longer than the model's context length.")
        _, colon, adapter = body.model.partition(":")
        if not colon:
            return answer(self.model, body, None, named=body.model)
        if adapter not in self.paths:
            found = f"The following requested LoRA adapters are not loaded: {adapter}"
            return _error(f"{found}\nLoaded adapters: {list(self.paths)}.")
        return self._answer_as(adapter, body)

    def _answer_as(self, adapter: str, body: Asked) -> Response:
        self.paths.move_to_end(adapter)
        self.running[adapter] += 1

        def end() -> None:
            self.running[adapter] -= 1

        return answer(self.model, body, self.letters[adapter], named=body.model, at_end=end)


def _error(message: str) -> Response:
    document: dict[str, Any] = {"object": "error", "message": message, "type": "BadRequestError", "param": None}
    return JSONResponse(document | {"code": 400}, 400)


async def _healthy(_: Request) -> Response:
    return Response()
