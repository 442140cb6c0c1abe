"""The driver of TGI: `open_engine("tgi", …)`. Built from its source; never run here (docs/engines.md).

TGI reads adapters when it starts, from LORA_ADAPTERS, and neither loads, lists nor unloads any afterwards. A request
for an adapter that it does not hold is answered by the base without a word. So the agent writes down what TGI must be
started with, and an adapter counts as held while its answers differ from the base's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from interlock.engines.answers import Body, only_choice, read
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import UNTOLD, Capabilities, Message
from interlock.engines.naming import SLASHED, Naming
from interlock.engines.openai_server import greedy
from interlock.engines.probe_prompts import PROBE_PROMPTS, PROBE_TOKENS
from interlock.engines.text_generation import Info, TextGenerationDriver, TokenList
from interlock.errors import EngineRefused

VARIABLE: Final = "LORA_ADAPTERS"
BASE: Final = "tgi"
"""The model name that TGI takes for no adapter at all."""


class _ChatTokens(Body):
    tokenize_response: TokenList


class TgiDriver(TextGenerationDriver):
    """TGI over HTTP."""

    kind: ClassVar[str] = "tgi"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lists_adapters=False,
        tells_directories=False,
        boot_only=True,
        unloads=False,
        answers_unknown=True,
        comes_back_loaded=True,
    )
    router: ClassVar[str] = "text-generation-router"
    naming: Naming = SLASHED

    def __init__(self, connection: EngineConnection) -> None:
        super().__init__(connection)
        self._wanted: tuple[str, ...] = ()
        self._told_by: dict[str, str] = {}

    def adapters(self) -> Mapping[str, str]:
        """Those of the adapters named to `start_with` that answer otherwise than the base, asked anew every time.

        A TGI that was restarted without an adapter answers for it as the base, and shows in nothing else.
        """
        self._info()
        base: dict[str, str] = {}
        return {name: UNTOLD for name in self._wanted if self._differs(name, base)}

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Raises EngineRefused: there is no such call."""
        raise EngineRefused(
            f"loading {name}: TGI takes adapters only when it starts",
            status=HTTPStatus.NOT_IMPLEMENTED,
            expected=f"{VARIABLE} in its environment",
            remedy="restart it with what the agent wrote down (docs/engines.md)",
        )

    def start_with(self, adapters: Mapping[str, str]) -> str:
        """`LORA_ADAPTERS=ID=DIRECTORY,…`, and look for these from now on.

        Raises:
            EngineRefused: a directory cannot be written in that list.
        """
        for name, directory in adapters.items():
            if set(directory) & set(",=@"):
                raise EngineRefused(
                    f"{name} is in {directory}, which {VARIABLE} cannot name",
                    status=HTTPStatus.BAD_REQUEST,
                    expected="a store whose path has no comma, no = and no @",
                    remedy="set `store` in the node's settings",
                )
        self._wanted = tuple(sorted(adapters))
        listed = ",".join(f"{self.naming.of(name)}={adapters[name]}" for name in self._wanted)
        return f"{VARIABLE}={listed}"

    def unload(self, name: str) -> None:
        """Look for `name` no more; TGI holds it until it is started without."""
        self._wanted = tuple(wanted for wanted in self._wanted if wanted != name)

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the conversation from `/chat_tokenize`, through the engine's chat template."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        answer = self._engine.post("/chat_tokenize", {"model": BASE, "messages": turns})
        return read(answer, _ChatTokens, "POST /chat_tokenize", self.kind).tokenize_response.ids

    def _base_names(self, info: Info) -> tuple[str, ...]:
        return (BASE, info.model_id)

    def _differs(self, name: str, base: dict[str, str]) -> bool:
        """Whether a prompt tells `name` from the base: the one that did last time, else any. `base`: answers so far.

        What tells them apart for the first time must do so twice, because an engine may round differently once.
        """
        known = self._told_by.get(name)
        if known is not None and self._tells(name, known, base):
            return True
        self._told_by.pop(name, None)
        for prompt in PROBE_PROMPTS:
            if self._tells(name, prompt, base) and self._tells(name, prompt, {}):
                self._told_by[name] = prompt
                return True
        return False

    def _tells(self, name: str, prompt: str, base: dict[str, str]) -> bool:
        if prompt not in base:
            base[prompt] = self._ask(BASE, prompt)
        return self._ask(self.naming.of(name), prompt) != base[prompt]

    def _ask(self, model: str, prompt: str) -> str:
        answer = self._engine.post("/v1/completions", greedy(model, prompt, PROBE_TOKENS), admin=True)
        return only_choice(answer, f"a completion by {model}", self.kind)
