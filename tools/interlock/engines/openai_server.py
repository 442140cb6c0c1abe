"""The part of an engine's interface that vLLM and the embedded engine share, as one driver to build on.

Subclassed by vllm.py and embedded_driver.py, which say only what differs. Refuses to believe an engine: every answer
is parsed into a type, and a load counts only once the engine lists the name with the directory that was asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from interlock.engines.driver import Capabilities, EngineIdentity, Message, RoutingProbe
from interlock.engines.http_calls import Answer, HttpCalls
from interlock.errors import EngineMisbehaved, EngineRefused, EngineUnreachable

MAX_REASON: Final = 600
_PROBE: Final = "/interlock/routing"
_PROBE_HEADER: Final = "x-interlock-routing"
_CANNOT_LOAD: Final = (
    "check that the engine's machine has this directory, and that the engine lets adapters be loaded"
    " (vLLM: VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora)"
)
_NOT_READY: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class _Body(BaseModel):
    """A JSON answer of the engine; what we do not use is ignored, what we use must be of its type."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Version(_Body):
    version: StrictStr
    engine: StrictStr = "vllm"


class _Model(_Body):
    id: StrictStr
    root: StrictStr | None = None
    parent: StrictStr | None = None


class _Models(_Body):
    data: tuple[_Model, ...]


class _Tokens(_Body):
    tokens: list[StrictInt]


class _Choice(_Body):
    text: StrictStr


class _Completion(_Body):
    choices: tuple[_Choice, ...]


class _Routing(_Body):
    routing: StrictStr
    version: StrictInt
    table: StrictStr = ""
    error: StrictStr = ""
    in_flight: dict[StrictStr, NonNegativeInt] | None = None
    idle: dict[StrictStr, NonNegativeFloat] = {}
    alone: StrictBool = False
    waits: StrictBool = False


class _ErrorInfo(_Body):
    message: StrictStr


class _Error(_Body):
    error: _ErrorInfo | StrictStr | None = None
    detail: StrictStr | None = None


_B = TypeVar("_B", bound=_Body)


class OpenAiServerDriver(ABC):
    """The EngineDriver of a server with vLLM's OpenAI-compatible interface."""

    kind: ClassVar[str]
    reported_engine: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(self, calls: HttpCalls) -> None:
        self._calls = calls

    def identity(self) -> EngineIdentity:
        """Ask `/version` and `/v1/models`; EngineMisbehaved when another kind of engine answers."""
        version = self._read(self._calls.get("/version"), _Version, "GET /version")
        if version.engine != self.reported_engine:
            raise EngineMisbehaved(
                f"the engine calls itself {_shown(version.engine)}, version {_shown(version.version)}",
                expected=f"an engine of kind {self.kind}",
                remedy="correct the engine's kind in environment.yaml or its address in the node's settings",
            )
        bases = [model for model in self._models() if model.parent is None]
        if not bases:
            raise EngineMisbehaved("GET /v1/models lists no base", expected="a model without a parent")
        return EngineIdentity(self.kind, version.version, tuple(model.id for model in bases), bases[0].root or "")

    def adapters(self) -> Mapping[str, str]:
        """Every model with a parent: name → root."""
        return {model.id: model.root or "" for model in self._models() if model.parent is not None}

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Load and then look: done when the engine lists `name` with `directory` as its root."""
        self._refuse_unloadable(name, directory, lazy)
        what = f"loading {name} from {directory}"
        answer = self._calls.post(
            "/v1/load_lora_adapter", self._load_payload(name, directory, lazy), admin=True, loading=True
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            refusal = self._refusal(answer, what)
            refusal.remedy = _CANNOT_LOAD
            raise refusal
        if answer.status == HTTPStatus.BAD_REQUEST:
            self._accept_if_loaded(name, directory, self._refusal(answer, what))
            return
        self._require_success(answer, what)
        found = self.adapters().get(name)
        if found != directory:
            seen = "does not list it" if found is None else f"lists it with root {_shown(found)}"
            raise EngineMisbehaved(
                f"{what}: the engine answered 200 and then {seen}",
                expected=f"{name} with root {directory}",
                remedy="look into the engine's log; restarting the engine makes the agent load everything again",
            )

    def unload(self, name: str) -> None:
        """Unload `name`; 404 is a success."""
        answer = self._calls.post("/v1/unload_lora_adapter", {"lora_name": name}, admin=True)
        if answer.status != HTTPStatus.NOT_FOUND:
            self._require_success(answer, f"unloading {name}")
        elif name in self.adapters():
            raise self._refusal(answer, f"unloading {name}, which is loaded")

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
        payload = {"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "stream": False}
        what = f"a completion by {model}"
        answer = self._read(self._calls.post("/v1/completions", payload, admin=True), _Completion, what)
        if len(answer.choices) != 1:
            raise EngineMisbehaved(f"{what} has {len(answer.choices)} choices", expected="one")
        return answer.choices[0].text

    def routing(self) -> RoutingProbe:
        """Ask the middleware's own address, with the token, for the whole reason why a table was not taken.

        An engine without the middleware answers 404: not live.
        """
        answer = self._calls.get(_PROBE, admin=True)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            return RoutingProbe(live=False)
        routing = self._read(answer, _Routing, f"GET {_PROBE}")
        if answer.headers.get(_PROBE_HEADER) != "1" or (routing.routing, routing.version) != ("interlock", 1):
            raise EngineMisbehaved(
                f"GET {_PROBE} was answered by something that is not the routing middleware of this version",
                expected=f"the header {_PROBE_HEADER}: 1 and version 1",
                remedy="install the same version of Interlock into the engine's environment and restart the engine",
            )
        return RoutingProbe(
            live=True,
            table_digest=routing.table,
            error=routing.error,
            in_flight=routing.in_flight,
            idle=routing.idle,
            alone=routing.alone,
            waits=routing.waits,
        )

    def close(self) -> None:
        """Give connections back."""
        self._calls.close()

    @abstractmethod
    def _load_payload(self, name: str, directory: str, lazy: bool) -> dict[str, Any]:
        """The body of `/v1/load_lora_adapter` as this kind of engine takes it."""

    def _models(self) -> tuple[_Model, ...]:
        return self._read(self._calls.get("/v1/models"), _Models, "GET /v1/models").data

    def _tokens(self, payload: Mapping[str, Any]) -> list[int]:
        return self._read(self._calls.post("/tokenize", payload), _Tokens, "POST /tokenize").tokens

    def _refuse_unloadable(self, name: str, directory: str, lazy: bool) -> None:
        if not PurePosixPath(directory).is_absolute():
            raise EngineRefused(
                f"loading {name} from {directory}: the path is relative",
                status=HTTPStatus.BAD_REQUEST,
                expected="an absolute path, because the engine runs in another directory",
            )
        if lazy and not self.capabilities.lazy:
            raise EngineRefused(
                f"loading {name}: this kind of engine ({self.kind}) cannot load at the first request",
                status=HTTPStatus.BAD_REQUEST,
                expected="residency: pinned",
                remedy=f"set `residency: pinned` in the pointer of {name.partition('@')[0]}",
            )

    def _accept_if_loaded(self, name: str, directory: str, refusal: EngineRefused) -> None:
        """A refused load is a success when the wanted state holds already."""
        found = self.adapters().get(name)
        if found == directory:
            return
        if found is None:
            raise refusal
        raise EngineRefused(
            f"{name} is loaded already, from {_shown(found)}",
            status=refusal.status,
            expected=f"{name} with root {directory}: a served name never changes its bytes",
            remedy=f"unload {name} and load it again, or restart the engine",
        ) from refusal

    def _require_success(self, answer: Answer, what: str) -> None:
        if answer.status in _NOT_READY:
            raise EngineUnreachable(
                f"{what}: HTTP {answer.status}, the engine is not ready",
                expected="HTTP 200",
                remedy="wait for the engine's /health to answer 200, or look into its log",
            )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._refusal(answer, what)
        if answer.status != HTTPStatus.OK:
            raise EngineMisbehaved(f"{what}: HTTP {answer.status}", expected="HTTP 200 or an error with its reason")

    def _refusal(self, answer: Answer, what: str) -> EngineRefused:
        """The engine's own reason as an error; EngineMisbehaved when it gave none."""
        try:
            body = _Error.model_validate_json(answer.body)
        except ValidationError:
            body = _Error()
        reason = body.error.message if isinstance(body.error, _ErrorInfo) else body.error or body.detail
        if not reason:
            raise EngineMisbehaved(
                f"{what}: HTTP {answer.status} without a reason",
                expected='an error like {"error": {"message": …}}',
                remedy="look into the engine's log",
            )
        return EngineRefused(
            f"{what}: HTTP {answer.status}: {_shown(reason)}", status=answer.status, remedy=_remedy(answer.status)
        )

    def _read(self, answer: Answer, shape: type[_B], what: str) -> _B:
        self._require_success(answer, what)
        try:
            return shape.model_validate_json(answer.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            raise EngineMisbehaved(
                f"{what}: {place}: {first['msg']}",
                expected=f"the answer of an engine of kind {self.kind}",
                remedy="check the engine's kind and version; `interlock` knows the versions named in docs/engines.md",
            ) from None


def _shown(text: str) -> str:
    """The engine's words for a message of ours: one line, bounded, no control characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _remedy(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "give the node the key that the engine was started with"
    if status == HTTPStatus.FORBIDDEN:
        return "give the node the admin token that the engine's routing middleware was started with"
    return ""
