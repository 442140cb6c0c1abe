"""The driver of vLLM: `open_engine("vllm", …)`. Run against 0.32 (docs/engines.md says what).

The engine must be started with `--enable-lora` and `VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`. Never uses `load_inplace`: an
in-place adapter is read from disk again while it serves.
"""

from __future__ import annotations

from typing import Any, ClassVar

from interlock.engines.driver import Capabilities
from interlock.engines.openai_server import OpenAiServerDriver


class VllmDriver(OpenAiServerDriver):
    """vLLM over HTTP."""

    kind: ClassVar[str] = "vllm"
    capabilities: ClassVar[Capabilities] = Capabilities()
    cannot_load: ClassVar[str] = (
        "check that the engine's machine has this directory, and that the engine lets adapters be loaded"
        " (vLLM: VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora)"
    )

    def _load_payload(self, name: str, directory: str, lazy: bool) -> dict[str, Any]:
        return {"lora_name": name, "lora_path": directory, "load_inplace": False}
