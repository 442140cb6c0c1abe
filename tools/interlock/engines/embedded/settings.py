"""What the embedded engine is started with, as parsed from the command line by __main__.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The base, the names it answers to, and the engine's limits.

    `max_loras` bounds the adapters in one batch, `max_cpu_loras` the adapters that are loaded at all, `max_lora_rank`
    the rank of each; `max_model_len` is in tokens and includes the answer. `max_rows` bounds the requests that are
    answered in one batch, `max_waiting` those that are taken at all. `middleware` are ASGI classes, the last outermost.
    """

    base: Path
    served_names: tuple[str, ...]
    max_loras: int = 1
    max_cpu_loras: int = 1
    max_lora_rank: int = 16
    max_model_len: int | None = None
    dtype: str = "float32"
    threads: int = 1
    max_rows: int = 32
    max_waiting: int = 1024
    middleware: tuple[Callable[..., Any], ...] = ()
    api_key: str = field(default="", repr=False)
