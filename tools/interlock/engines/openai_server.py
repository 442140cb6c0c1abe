"""The part of an engine's interface that vLLM, the embedded engine and SGLang share, as one driver to build on.

Subclassed by the drivers, which say only what differs. Refuses to believe an engine: a load counts only once the engine
lists the name with the directory that was asked for.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from pydantic import StrictInt, StrictStr

from interlock.engines.answers import (
    Body,
    Model,
    Models,
    only_choice,
    process_start,
    read,
    refusal,
    require_success,
    routing_probe,
    shown,
)
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import Capabilities, EngineIdentity, Message, RoutingProbe
from interlock.errors import EngineMisbehaved, EngineRefused

UNKNOWN_DIRECTORY: Final = "an unknown directory"


class Version(Body):
    """The answer of `/version`."""

    version: StrictStr
    engine: StrictStr = "vllm"


class Tokens(Body):
    """The answer of `/tokenize`."""

    tokens: list[StrictInt]


class OpenAiServerDriver(ABC):
    """The EngineDriver of a server with vLLM's OpenAI-compatible interface."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    load_path: ClassVar[str] = "/v1/load_lora_adapter"
    unload_path: ClassVar[str] = "/v1/unload_lora_adapter"
    cannot_load: ClassVar[str] = "check that the engine's machine has this directory"

    def __init__(self, connection: EngineConnection) -> None:
        self._connection = connection
        self._engine, self._edge = connection.engine, connection.edge

    def identity(self) -> EngineIdentity:
        """Ask for the version and `/v1/models`; EngineMisbehaved when another kind of engine answers."""
        version, root = self._version()
        bases = [model for model in self._models() if model.parent is None]
        if not bases:
            raise EngineMisbehaved("GET /v1/models lists no base", expected="a model without a parent")
        return EngineIdentity(self.kind, version, tuple(model.id for model in bases), root or bases[0].root or "")

    def process(self) -> str:
        """The start time of the process, from `/metrics`."""
        return process_start(self._engine, "/metrics")

    def adapters(self) -> Mapping[str, str]:
        """Every model with a parent: name → root."""
        return {model.id: model.root or UNKNOWN_DIRECTORY for model in self._models() if model.parent is not None}

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Load and then look: done when the engine lists `name` with `directory` as its root."""
        refuse_unloadable(self, name, directory, lazy=lazy)
        what = f"loading {name} from {directory}"
        answer = self._engine.post(self.load_path, self._load_payload(name, directory, lazy), admin=True, loading=True)
        if answer.status == HTTPStatus.NOT_FOUND:
            refused = refusal(answer, what)
            refused.remedy = self.cannot_load
            raise refused
        if answer.status == HTTPStatus.BAD_REQUEST:
            self._accept_if_loaded(name, directory, refusal(answer, what))
            return
        require_success(answer, what)
        require_listed(self.adapters().get(name), name, directory, what)

    def start_with(self, adapters: Mapping[str, str]) -> str:
        """Nothing: adapters are loaded while the engine runs."""
        return ""

    def unload(self, name: str) -> None:
        """Unload `name`; 404 is a success."""
        answer = self._engine.post(self.unload_path, {"lora_name": name}, admin=True)
        if answer.status != HTTPStatus.NOT_FOUND:
            require_success(answer, f"unloading {name}")
        elif name in self.adapters():
            raise refusal(answer, f"unloading {name}, which is loaded")

    def tokenize_text(self, text: str) -> list[int]:
        """Token ids of `text` from `/tokenize`, special tokens included."""
        return self._tokens({"prompt": text, "add_special_tokens": True})

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the conversation from `/tokenize`, through the engine's chat template."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return self._tokens({"messages": turns, "add_generation_prompt": True, "add_special_tokens": False})

    def complete(self, model: str, prompt: str, *, max_tokens: int) -> str:
        """The greedy completion from `/v1/completions`.

        Sent with the agent's token: the routing middleware lets only the agent ask a revision without a route.
        """
        payload = greedy(self._asked_as(model), prompt, max_tokens)
        answer = self._edge.post("/v1/completions", payload, admin=True)
        return only_choice(answer, f"a completion by {model}", self.kind)

    def routing(self) -> RoutingProbe:
        """Whether the routing middleware answers."""
        return routing_probe(self._edge, self.kind)

    def close(self) -> None:
        """Give connections back."""
        self._connection.close()

    def _version(self) -> tuple[str, str]:
        """The engine's version, and the path of its base where it tells it elsewhere than in `/v1/models`."""
        answer = self._engine.get("/version")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise other_engine("nothing at /version its own", self.kind)
        version = read(answer, Version, "GET /version", self.kind)
        if version.engine != self._reported_engine:
            raise other_engine(f"itself {shown(version.engine)}, version {shown(version.version)}", self.kind)
        return version.version, ""

    @property
    def _reported_engine(self) -> str:
        return self.kind

    def _load_payload(self, name: str, directory: str, lazy: bool) -> dict[str, Any]:
        """The body of a load as this kind of engine takes it."""
        return {"lora_name": name, "lora_path": directory}

    def _asked_as(self, model: str) -> str:
        """The name by which a request asks for `model`."""
        return model

    def _models(self) -> tuple[Model, ...]:
        return read(self._engine.get("/v1/models"), Models, "GET /v1/models", self.kind).data

    def _tokens(self, payload: Mapping[str, Any]) -> list[int]:
        return read(self._engine.post("/tokenize", payload), Tokens, "POST /tokenize", self.kind).tokens

    def _accept_if_loaded(self, name: str, directory: str, refused: EngineRefused) -> None:
        """A refused load is a success when the wanted state holds already."""
        found = self.adapters().get(name)
        if found == directory:
            return
        raise refused if found is None else other_directory(name, found, directory) from refused


def greedy(model: str, prompt: str, max_tokens: int) -> dict[str, Any]:
    """The body of a greedy completion."""
    return {"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "stream": False}


def refuse_unloadable(driver: OpenAiServerDriver, name: str, directory: str, *, lazy: bool) -> None:
    """Raises EngineRefused for what no engine of this kind can load, before it is asked."""
    refuse_relative(name, directory)
    if lazy and not driver.capabilities.lazy:
        raise EngineRefused(
            f"loading {name}: this kind of engine ({driver.kind}) cannot load at the first request",
            status=HTTPStatus.BAD_REQUEST,
            expected="residency: pinned",
            remedy=f"set `residency: pinned` in the pointer of {name.partition('@')[0]}",
        )


def refuse_relative(name: str, directory: str) -> None:
    """Raises EngineRefused for a path that means something else where the engine runs."""
    if not PurePosixPath(directory).is_absolute():
        raise EngineRefused(
            f"loading {name} from {directory}: the path is relative",
            status=HTTPStatus.BAD_REQUEST,
            expected="an absolute path, because the engine runs in another directory",
        )


def require_listed(found: str | None, name: str, directory: str, what: str) -> None:
    """Raises EngineMisbehaved unless the engine lists the adapter as it was asked to load it."""
    if found != directory:
        seen = "does not list it" if found is None else f"lists it with root {shown(found)}"
        raise EngineMisbehaved(
            f"{what}: the engine answered 200 and then {seen}",
            expected=f"{name} with root {directory}",
            remedy="look into the engine's log; restarting the engine makes the agent load everything again",
        )


def other_directory(name: str, found: str, directory: str) -> EngineRefused:
    """The refusal of a load under a name that holds other bytes."""
    return EngineRefused(
        f"{name} is loaded already, from {shown(found)}",
        status=HTTPStatus.BAD_REQUEST,
        expected=f"{name} with root {directory}: a served name never changes its bytes",
        remedy=f"unload {name} and load it again, or restart the engine",
    )


def other_engine(called: str, kind: str) -> EngineMisbehaved:
    """The error for an engine of another kind; `called` is what it calls, and how."""
    return EngineMisbehaved(
        f"the engine calls {called}",
        expected=f"an engine of kind {kind}",
        remedy="correct the engine's kind in environment.yaml or its address in the node's settings",
    )
