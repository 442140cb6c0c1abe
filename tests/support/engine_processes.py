"""Real engines for tests: those of `interlock.demo.engine_process`, with the defaults that tests want.

    with start_embedded(base_directory) as engine:
        httpx.get(f"{engine.url}/health")

Both engines are started with the same limits (`EngineLimits`), by default with the routing middleware in front and
the admin token `ADMIN_TOKEN`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from interlock.demo.engine_process import EngineProcess, free_port, start_engine, vllm_executable
from interlock.documents.kinds import environment

__all__ = [
    "ADMIN_TOKEN",
    "REPOSITORY",
    "SERVED_NAME",
    "EngineLimits",
    "EngineProcess",
    "free_port",
    "start_embedded",
    "start_vllm",
    "vllm_executable",
    "wait_until",
]

REPOSITORY = Path(__file__).resolve().parents[2]
ADMIN_TOKEN = "a-token-for-tests-only"
SERVED_NAME = "tiny"


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The limits that an engine is started with; the names are vLLM's flags."""

    max_loras: int = 4
    max_cpu_loras: int = 8
    max_lora_rank: int = 16
    max_model_len: int = 256


@contextmanager
def _start(
    kind: Literal["embedded", "vllm"],
    base_dir: Path,
    *,
    port: int = 0,
    middleware: bool = True,
    routes: Path | None = None,
    admin_token: str = ADMIN_TOKEN,
    api_key: str = "",
    served_name: str = SERVED_NAME,
    limits: EngineLimits | None = None,
    env: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    log: Path | None = None,
) -> Iterator[EngineProcess]:
    """Run an engine on `base_dir` (port 0: a free one) until the block ends; for vLLM see `vllm_executable`."""
    given = limits or EngineLimits()
    with (
        tempfile.TemporaryDirectory(prefix="interlock-engine-") as scratch,
        start_engine(
            kind,
            base_dir,
            served_name=served_name,
            limits=environment.EngineLimits(
                kind=kind,
                max_loras=given.max_loras,
                max_cpu_loras=given.max_cpu_loras,
                max_lora_rank=given.max_lora_rank,
            ),
            routes=routes,
            admin_token=admin_token,
            log=log or Path(scratch, "engine.log"),
            port=port,
            api_key=api_key,
            middleware=middleware,
            max_model_len=given.max_model_len,
            arguments=arguments,
            environment=env,
        ) as engine,
    ):
        yield engine


start_embedded = partial(_start, "embedded")
start_vllm = partial(_start, "vllm")


def wait_until(holds: Callable[[], bool], *, within: float, what: str) -> None:
    """Poll `holds` every 20 ms; raise AssertionError naming `what` when it is still false after `within` seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(0.02)
