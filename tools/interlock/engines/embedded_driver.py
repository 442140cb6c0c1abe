"""The driver of the embedded engine (engines/embedded): `open_engine("embedded", …)`."""

from __future__ import annotations

from typing import Any, ClassVar

from interlock.engines.driver import Capabilities
from interlock.engines.openai_server import OpenAiServerDriver


class EmbeddedDriver(OpenAiServerDriver):
    """The embedded engine over HTTP; unlike vLLM it can defer a load to the first request."""

    kind: ClassVar[str] = "embedded"
    capabilities: ClassVar[Capabilities] = Capabilities(lazy=True)

    @property
    def _reported_engine(self) -> str:
        return "interlock-embedded"

    def _load_payload(self, name: str, directory: str, lazy: bool) -> dict[str, Any]:
        return {"lora_name": name, "lora_path": directory, "lazy": lazy}
