"""The process that forks embedded engines for the fault suite, and the engine that a test may kill and start again."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from interlock.demo.engine_process import MIDDLEWARE, free_port
from interlock.documents.kinds.environment import EngineLimits
from support.forking import Forks, serve_orders

ADMIN_TOKEN = "a-token-for-tests-only"
START_SECONDS = 60.0


@dataclass
class FaultEngine:
    """An embedded engine on one port, with the routing middleware in front."""

    forks: Forks
    base: Path
    served_name: str
    limits: EngineLimits
    routes: Path
    log: Path
    admin_token: str = ADMIN_TOKEN
    port: int = field(default_factory=free_port)
    pid: int = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it where it was before, and wait until it answers."""
        assert not self.pid, "it runs already"
        flags = [
            f"--base={self.base}",
            f"--served-model-name={self.served_name}",
            f"--port={self.port}",
            f"--max-loras={self.limits.max_loras}",
            f"--max-cpu-loras={self.limits.cpu_slots}",
            f"--max-lora-rank={self.limits.max_lora_rank}",
            "--max-model-len=256",
            f"--middleware={MIDDLEWARE}",
        ]
        environment = {
            "INTERLOCK_ROUTES": str(self.routes),
            "INTERLOCK_ADMIN_TOKEN": self.admin_token,
            "INTERLOCK_AGENT": "http://127.0.0.1:9",  # asked for lazy adapters only; nobody answers there
        }
        self.pid = self.forks.begin({"flags": flags, "environment": environment, "log": str(self.log)})
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it with -9."""
        os.kill(self.pid, signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        """Wait for the end of an engine that somebody killed."""
        assert self.forks.wait(self.pid)[0] == -signal.SIGKILL
        self.pid = 0

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False


def run_engine(order: dict[str, Any]) -> int:
    """The child: the engine's own main."""
    from interlock.engines.embedded.__main__ import main

    os.environ.update(order["environment"])
    return main(order["flags"])


if __name__ == "__main__":
    import peft  # noqa: F401 — what is slow to import
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401

    import interlock.engines.embedded.__main__  # noqa: F401

    serve_orders(run_engine)
