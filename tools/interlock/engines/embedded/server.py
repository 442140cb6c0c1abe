"""The embedded engine put together: a starlette application with its routes, errors, key, and middleware in front.

`Engine` is made by __main__.py inside the running event loop. Refuses everything under /v1 without the key when one is
set; middleware named on the command line (the routing) comes before all of it, in the order in which vLLM applies it.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.engines.embedded import protocol
from interlock.engines.embedded.adapters import Adapters
from interlock.engines.embedded.batching import ModelThread, Update
from interlock.engines.embedded.completions import Answers
from interlock.engines.embedded.endpoints import Endpoints
from interlock.engines.embedded.generation import LanguageModel
from interlock.engines.embedded.metrics import Metrics
from interlock.engines.embedded.refusals import Refusal
from interlock.engines.embedded.settings import EngineSettings
from interlock.engines.embedded.tokenizing import Tokenization
from interlock.errors import UsageError

GUARDED_PREFIX: Final = "/v1"


class Engine:
    """A loaded base behind an ASGI application; answers between `start` and `stop`."""

    def __init__(self, settings: EngineSettings, model: LanguageModel, tokenization: Tokenization) -> None:
        """Must be called with the event loop running that will serve `application`."""
        self._loop = asyncio.get_running_loop()
        metrics = Metrics()
        self._thread = ModelThread(model, self._deliver, max_rows=settings.max_rows, max_adapters=settings.max_loras)
        adapters = Adapters(model, self._thread, settings, metrics)
        self._answers = Answers(settings, model, tokenization, self._thread, adapters, metrics)
        endpoints = Endpoints(settings, model, tokenization, self._thread, adapters, self._answers, metrics)
        self.application: ASGIApp = Starlette(
            routes=_routes(endpoints),
            middleware=_middleware(settings),
            exception_handlers={Refusal: _refused, HTTPException: _no_such_page},
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current step."""
        self._thread.stop()

    def _deliver(self, updates: Sequence[Update]) -> None:
        """Called on the model's thread."""
        self._loop.call_soon_threadsafe(self._answers.dispatch, updates)


class KeyCheck:
    """ASGI middleware: answers 401, as vLLM does, to a request under /v1 without the key."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._expected = _digest(api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED_PREFIX) and not self._allowed(scope):
            await JSONResponse({"error": "Unauthorized"}, HTTPStatus.UNAUTHORIZED)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(_digest(key), self._expected)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _routes(endpoints: Endpoints) -> list[Route]:
    return [
        Route("/health", endpoints.health),
        Route("/version", endpoints.version),
        Route("/metrics", endpoints.metrics),
        Route("/tokenize", endpoints.tokenize, methods=["POST"]),
        Route("/v1/models", endpoints.models),
        Route("/v1/completions", endpoints.completions, methods=["POST"]),
        Route("/v1/chat/completions", endpoints.chat, methods=["POST"]),
        Route("/v1/load_lora_adapter", endpoints.load_adapter, methods=["POST"]),
        Route("/v1/unload_lora_adapter", endpoints.unload_adapter, methods=["POST"]),
    ]


def _middleware(settings: EngineSettings) -> list[Middleware]:
    """The settings' classes, the last one outermost, and the key check behind them."""
    front = [Middleware(found) for found in reversed(settings.middleware)]
    return [*front, Middleware(KeyCheck, api_key=settings.api_key)] if settings.api_key else front


def import_middleware(path: str) -> Callable[..., Any]:
    """Import an ASGI class by its dotted path, as vLLM's `--middleware` does.

    Raises:
        UsageError: it cannot be imported or is not a class.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"--middleware {path} cannot be imported: {error}",
            expected="package.module.Class of an ASGI middleware",
            remedy="check the spelling, and that its package is installed where the engine runs",
        ) from error
    if not isinstance(found, type):
        raise UsageError(f"--middleware {path} is not a class", expected="a class that takes the application")
    return found


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(protocol.error_body(error), error.status)


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    refusal = Refusal(error.detail, status=status, kind="NotFoundError" if status == 404 else "BadRequestError")
    return JSONResponse(protocol.error_body(refusal), status, headers=error.headers)
