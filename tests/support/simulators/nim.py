"""A simulated NVIDIA NIM: a directory that it reads again every so often, `/v1/models`, `/v1/version`, `/v1/metrics`.

From NVIDIA's documentation of NIM for LLMs (peft, finetune-lora, api-reference). Its manners: a folder's name is the
model's; only folders with `adapter_config.json` and weights are adapters; what is read is read once, by name; whether
an adapter whose folder is gone is dropped depends on the release (`drops`); without a parent in `/v1/models` an adapter
looks like a base.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from support.simulators.openai_api import answer, asked
from support.simulators.telling_model import MAX_MODEL_LEN, Letters, TellingModel, UnreadableAdapter

RELEASE = "2.1.6"


@dataclass
class NimSimulator:
    """One engine that looks into `source` once `interval` seconds are over. `deaf`: it serves the base under every
    name; `parents`: whether it says in `/v1/models` that an adapter has one."""

    model: TellingModel
    source: Path
    name: str = "tiny"
    interval: float = 0.0
    drops: bool = True
    deaf: bool = False
    parents: bool = False
    clock: Callable[[], float] = time.monotonic
    read: dict[str, Letters] = field(default_factory=dict)
    started: float = 1000.0
    _looked: float = float("-inf")

    def restart(self) -> None:
        """A new process: the directory is read anew."""
        self.read.clear()
        self.started += 1.0
        self._looked = float("-inf")

    def application(self) -> Starlette:
        """The HTTP interface."""
        return Starlette(
            routes=[
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/version", self._version),
                Route("/v1/metrics", self._metrics),
                Route("/v1/health/ready", self._healthy),
            ]
        )

    def _refresh(self) -> None:
        if self.clock() - self._looked < self.interval:
            return
        self._looked = self.clock()
        folders = {folder.name: folder for folder in self.source.iterdir() if folder.is_dir()}
        for name, folder in folders.items():
            if name not in self.read:
                try:
                    self.read[name] = self.model.read(folder)
                except UnreadableAdapter:
                    continue
        if self.drops:
            self.read = {name: letters for name, letters in self.read.items() if name in folders}

    async def _models(self, _: Request) -> Response:
        self._refresh()
        base = {"id": self.name, "object": "model", "root": self.name, "parent": None, "max_model_len": MAX_MODEL_LEN}
        parent = self.name if self.parents else None
        adapters = [{"id": name, "object": "model", "root": self.name, "parent": parent} for name in sorted(self.read)]
        return JSONResponse({"object": "list", "data": [base, *adapters]})

    async def _complete(self, request: Request) -> Response:
        self._refresh()
        body = await asked(request, self.model)
        if body.too_long:
            return _error(f"This model's maximum context length is {MAX_MODEL_LEN} tokens.", 400)
        if body.model not in (self.name, *self.read):
            return _error(f"The model `{body.model}` does not exist.", 404)
        letters = None if self.deaf else self.read.get(body.model)
        return answer(self.model, body, letters, named=body.model)

    async def _version(self, _: Request) -> Response:
        return JSONResponse({"release": RELEASE, "api": "2.0.0"})

    async def _metrics(self, _: Request) -> Response:
        text = f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {self.started}\n"
        return PlainTextResponse(text)

    async def _healthy(self, _: Request) -> Response:
        return JSONResponse({"object": "health.response", "message": "ready"})


def _error(message: str, status: int) -> Response:
    error = {"message": message, "type": "BadRequestError", "param": None, "code": status}
    return JSONResponse({"error": error}, status)
