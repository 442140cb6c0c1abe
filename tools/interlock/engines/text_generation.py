"""What TGI and LoRAX share: LoRAX began as a copy of TGI, and both answer `/info`, `/tokenize` and OpenAI completions.

Neither lists adapters, and neither says when its process started, so a restart shows only in what it has forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from pydantic import RootModel, StrictInt, StrictStr

from interlock.engines.answers import Body, only_choice, read, routing_probe
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import Capabilities, EngineIdentity, Message, RoutingProbe
from interlock.engines.http_calls import Answer
from interlock.engines.naming import Naming
from interlock.engines.openai_server import greedy, other_engine
from interlock.errors import EngineRefused


class Info(Body):
    """The answer of `/info`; TGI names its router there, LoRAX does not."""

    model_id: StrictStr
    model_sha: StrictStr | None = None
    version: StrictStr
    router: StrictStr = ""


class Token(Body):
    """One token of `/tokenize`."""

    id: StrictInt


class TokenList(RootModel[tuple[Token, ...]]):
    """The answer of `/tokenize`."""

    @property
    def ids(self) -> list[int]:
        """The token ids in order."""
        return [token.id for token in self.root]


class TextGenerationDriver:
    """The EngineDriver of TGI and LoRAX without what is about adapters."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    router: ClassVar[str]
    """How `router` in `/info` begins for this kind."""
    naming: Naming

    def __init__(self, connection: EngineConnection) -> None:
        self._connection = connection
        self._engine, self._edge = connection.engine, connection.edge

    def identity(self) -> EngineIdentity:
        """Ask `/info`; EngineMisbehaved when another kind of engine answers."""
        info = self._info()
        return EngineIdentity(self.kind, info.version, self._base_names(info), info.model_id)

    def process(self) -> str:
        """Nothing: no address of this kind of engine tells one process from the next."""
        return ""

    def tokenize_text(self, text: str) -> list[int]:
        """Token ids of `text` from `/tokenize`, special tokens included."""
        answer = self._engine.post("/tokenize", {"inputs": text, "add_special_tokens": True})
        return read(answer, TokenList, "POST /tokenize", self.kind).ids

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Raises EngineRefused unless this kind of engine has an address for it."""
        raise EngineRefused(
            f"an engine of kind {self.kind} has no address that tokenizes a conversation",
            status=HTTPStatus.NOT_IMPLEMENTED,
            expected="an engine with the capability `templates`",
        )

    def complete(self, model: str, prompt: str, *, max_tokens: int) -> str:
        """The greedy completion from `/v1/completions`, on the way that clients take."""
        asked = model if self._connection.behind_gateway else self.naming.of(model)
        answer = self._edge.post("/v1/completions", greedy(asked, prompt, max_tokens), admin=True)
        text = only_choice(answer, f"a completion by {model}", self.kind)
        self._check_answer(model, answer)
        return text

    def start_with(self, adapters: Mapping[str, str]) -> str:
        """Nothing, unless this kind of engine takes adapters at its start."""
        return ""

    def routing(self) -> RoutingProbe:
        """Whether the routing middleware answers."""
        return routing_probe(self._edge, self.kind)

    def close(self) -> None:
        """Give connections back."""
        self._connection.close()

    def _info(self) -> Info:
        answer = self._engine.get("/info")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise other_engine("nothing at /info its own", self.kind)
        info = read(answer, Info, "GET /info", self.kind)
        if not info.router.startswith(self.router) or bool(info.router) != bool(self.router):
            raise other_engine(f"itself {info.router or 'LoRAX'} at /info", self.kind)
        return info

    def _base_names(self, info: Info) -> tuple[str, ...]:
        return (info.model_id,)

    def _check_answer(self, model: str, answer: Answer) -> None:
        """Look at the marks that the engine puts on an answer of `model`."""
