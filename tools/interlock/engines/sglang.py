"""The driver of SGLang: `open_engine("sglang", …)`. Built from its source; never run here (docs/engines.md).

The engine must be started with `--enable-lora` and `--max-lora-rank`. A request names `BASE:ADAPTER`; an adapter's name
alone is parsed as a base that nobody checks, so the base answers. Whoever asks here always puts the base in front: this
driver, or the gateway where requests go through one.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import StrictStr

from interlock.engines.answers import Body, read, refusal, require_success
from interlock.engines.driver import Capabilities, EngineIdentity, Message
from interlock.engines.naming import Naming, is_served_name
from interlock.engines.openai_server import OpenAiServerDriver, other_engine
from interlock.errors import EngineRefused, EngineUnreachable


class _ServerInfo(Body):
    version: StrictStr
    model_path: StrictStr
    enable_lora: bool = False


class SglangDriver(OpenAiServerDriver):
    """SGLang over HTTP."""

    kind: ClassVar[str] = "sglang"
    capabilities: ClassVar[Capabilities] = Capabilities(drains_on_unload=True, named_with_base=True, templates=False)
    load_path: ClassVar[str] = "/load_lora_adapter"
    unload_path: ClassVar[str] = "/unload_lora_adapter"
    cannot_load: ClassVar[str] = (
        "check that the engine's machine has this directory, and that it was started with --enable-lora,"
        " --max-lora-rank and --lora-target-modules that cover the adapter; its log says more"
    )
    _naming: Naming | None = None

    def identity(self) -> EngineIdentity:
        """Ask `/server_info` and `/v1/models`; from now on requests name the base that answered."""
        identity = super().identity()
        self._naming = Naming.with_base(identity.base_names[0])
        return identity

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Load a served name; no other is asked for with the base in front, so no other may be loaded."""
        if not is_served_name(name):
            found = f"{name!r} is no served name"
            raise EngineRefused(found, status=HTTPStatus.BAD_REQUEST, expected="ADAPTER@REVISION-DIGEST12")
        try:
            super().load(name, directory, lazy=lazy)
        except EngineRefused as refused:
            refused.remedy = refused.remedy or self.cannot_load
            raise

    def unload(self, name: str) -> None:
        """Unload `name`: the engine forgets it at once and answers when its running requests are over.

        An answer that does not come in time is a success once the name is gone; the engine goes on draining.
        """
        what = f"unloading {name}"
        try:
            answer = self._engine.post(self.unload_path, {"lora_name": name}, admin=True, loading=True)
        except EngineUnreachable:
            if name in self.adapters():
                raise
            return
        if answer.status != HTTPStatus.BAD_REQUEST:
            require_success(answer, what)
        elif name in self.adapters():
            raise refusal(answer, f"{what}, which is loaded")

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Raises EngineRefused: `/tokenize` takes texts only."""
        raise EngineRefused(
            "SGLang has no address that puts a conversation through its chat template",
            status=HTTPStatus.NOT_IMPLEMENTED,
            expected="an engine with the capability `templates`",
        )

    def _version(self) -> tuple[str, str]:
        # With the agent's token, because another engine's routing keeps this address for the agent.
        answer = self._engine.get("/server_info", admin=True)
        if answer.status == HTTPStatus.NOT_FOUND:
            answer = self._engine.get("/get_server_info", admin=True)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise other_engine("nothing at /server_info its own", self.kind)
        info = read(answer, _ServerInfo, "GET /server_info", self.kind)
        return info.version, info.model_path

    def _load_payload(self, name: str, directory: str, lazy: bool) -> dict[str, Any]:
        return {"lora_name": name, "lora_path": directory, "pinned": False}

    def _asked_as(self, model: str) -> str:
        if self._connection.behind_gateway or not is_served_name(model):
            return model
        if self._naming is None:
            self.identity()
        assert self._naming
        return self._naming.of(model)
