"""What drivers make of an engine's answers: a type, or an error that says what was found and what to do.

Called by the drivers only. Refuses to believe an engine: every answer is parsed strictly in what we use of it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, TypeVar

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

from interlock.engines.driver import RoutingProbe
from interlock.engines.http_calls import Answer, HttpCalls
from interlock.errors import EngineMisbehaved, EngineRefused, EngineUnreachable

MAX_REASON: Final = 600
_PROBE: Final = "/interlock/routing"
_PROBE_HEADER: Final = "x-interlock-routing"
_NOT_READY: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_PROCESS_START: Final = b"process_start_time_seconds "


class Body(BaseModel):
    """A JSON answer of the engine; what we do not use is ignored, what we use must be of its type."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Model(Body):
    """One model of `/v1/models`."""

    id: StrictStr
    root: StrictStr | None = None
    parent: StrictStr | None = None


class Models(Body):
    """The answer of `/v1/models`."""

    data: tuple[Model, ...]


class _Choice(Body):
    text: StrictStr


class Completion(Body):
    """The answer of `/v1/completions`."""

    choices: tuple[_Choice, ...]


class _Routing(Body):
    routing: StrictStr
    version: StrictInt
    table: StrictStr = ""
    error: StrictStr = ""
    in_flight: dict[StrictStr, NonNegativeInt] | None = None
    idle: dict[StrictStr, NonNegativeFloat] = {}
    alone: StrictBool = False
    waits: StrictBool = False


class _ErrorInfo(Body):
    message: StrictStr


class _Error(Body):
    """vLLM: `error.message`; TGI and LoRAX: `error`; SGLang: `message`, and `error_message` of a load."""

    error: _ErrorInfo | StrictStr | None = None
    detail: StrictStr | None = None
    message: StrictStr | None = None
    error_message: StrictStr | None = None

    @property
    def reason(self) -> str:
        """The engine's words, "" when there are none."""
        if isinstance(self.error, _ErrorInfo):
            return self.error.message
        return self.error or self.error_message or self.message or self.detail or ""


_B = TypeVar("_B", bound=BaseModel)


def read(answer: Answer, shape: type[_B], what: str, kind: str) -> _B:
    """Parse the answer to `what` of an engine of `kind`.

    Raises:
        EngineError: as `require_success`; EngineMisbehaved when the body is of another shape.
    """
    require_success(answer, what)
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise EngineMisbehaved(
            f"{what}: {place}: {first['msg']}",
            expected=f"the answer of an engine of kind {kind}",
            remedy="check the engine's kind and version; `interlock` knows the versions named in docs/engines.md",
        ) from None


def require_success(answer: Answer, what: str) -> None:
    """Return for a 200.

    Raises:
        EngineUnreachable: the engine is not ready or overloaded.
        EngineRefused: it gave a reason.
        EngineMisbehaved: anything else.
    """
    if answer.status in _NOT_READY:
        raise EngineUnreachable(
            f"{what}: HTTP {answer.status}, the engine is not ready",
            expected="HTTP 200",
            remedy="wait for the engine's /health to answer 200, or look into its log",
        )
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise refusal(answer, what)
    if answer.status != HTTPStatus.OK:
        raise EngineMisbehaved(f"{what}: HTTP {answer.status}", expected="HTTP 200 or an error with its reason")


def refusal(answer: Answer, what: str) -> EngineRefused:
    """The engine's own reason as an error.

    Raises:
        EngineMisbehaved: it gave none.
    """
    try:
        reason = _Error.model_validate_json(answer.body).reason
    except ValidationError:
        reason = ""
    if not reason:
        raise EngineMisbehaved(
            f"{what}: HTTP {answer.status} without a reason",
            expected='an error like {"error": {"message": …}}',
            remedy="look into the engine's log",
        )
    return EngineRefused(
        f"{what}: HTTP {answer.status}: {shown(reason)}", status=answer.status, remedy=_remedy(answer.status)
    )


def only_choice(answer: Answer, what: str, kind: str) -> str:
    """The text of a completion.

    Raises:
        EngineError: as `read`; EngineMisbehaved when there is not exactly one choice.
    """
    choices = read(answer, Completion, what, kind).choices
    if len(choices) != 1:
        raise EngineMisbehaved(f"{what} has {len(choices)} choices", expected="one")
    return choices[0].text


def routing_probe(edge: HttpCalls, kind: str) -> RoutingProbe:
    """Ask the middleware's own address, with the token, for the whole reason why a table was not taken.

    Where there is no middleware the answer is 404: not live.
    """
    answer = edge.get(_PROBE, admin=True)
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return RoutingProbe(live=False)
    routing = read(answer, _Routing, f"GET {_PROBE}", kind)
    if answer.headers.get(_PROBE_HEADER) != "1" or (routing.routing, routing.version) != ("interlock", 1):
        raise EngineMisbehaved(
            f"GET {_PROBE} was answered by something that is not the routing middleware of this version",
            expected=f"the header {_PROBE_HEADER}: 1 and version 1",
            remedy="install the same version of Interlock where the middleware runs and restart it",
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


def process_start(engine: HttpCalls, path: str) -> str:
    """The start of the engine's process as its metrics at `path` tell it; "" where they do not."""
    answer = engine.get(path)
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ""
    require_success(answer, f"GET {path}")
    line = next((line for line in answer.body.splitlines() if line.startswith(_PROCESS_START)), b"")
    return shown(line.removeprefix(_PROCESS_START).decode("ascii", errors="replace"))


def shown(text: str) -> str:
    """The engine's words for a message of ours: one line, bounded, no control characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _remedy(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "give the node the key that the engine was started with"
    if status == HTTPStatus.FORBIDDEN:
        return "give the node the admin token that the engine's routing middleware was started with"
    return ""
