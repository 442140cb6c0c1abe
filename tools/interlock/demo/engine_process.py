"""Starts a real engine as a process of its own, with the routing middleware in front, and leaves nothing behind.

Used by the demonstration and by the tests. Production engines are started by their operators (docs/engines.md).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from interlock.demo.child_process import die_with_parent, give_way, stop
from interlock.documents.kinds.environment import EngineLimits
from interlock.errors import EngineUnreachable, UsageError

MIDDLEWARE = "interlock.routing.middleware.RoutingMiddleware"
START_SECONDS = {"embedded": 90.0, "vllm": 300.0}
MAX_MODEL_LEN = 256


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A running engine: where it answers, what it was started with, its log and its process."""

    kind: str
    url: str
    port: int
    base: Path
    served_name: str
    admin_token: str
    api_key: str
    log: Path
    process: subprocess.Popen[bytes]

    def alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self.process.poll() is None

    def log_text(self) -> str:
        """Everything that the engine wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def start_engine(
    kind: str,
    base_directory: Path,
    *,
    served_name: str,
    limits: EngineLimits,
    routes: Path | None,
    admin_token: str,
    log: Path,
    port: int = 0,
    api_key: str = "",
    middleware: bool = True,
    max_model_len: int = MAX_MODEL_LEN,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[EngineProcess]:
    """Run an engine of `kind` (`embedded` or `vllm`) on 127.0.0.1 (port 0: a free one) until the block ends.

    Raises:
        UsageError: there is no such engine on this machine.
        EngineUnreachable: it did not answer /health in time; the message ends with its log.
    """
    port = port or free_port()
    flags = [
        f"--served-model-name={served_name}",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--max-loras={limits.max_loras}",
        f"--max-cpu-loras={limits.cpu_slots}",
        f"--max-lora-rank={limits.max_lora_rank}",
        f"--max-model-len={max_model_len}",
        *([f"--middleware={MIDDLEWARE}"] if middleware else []),
        *arguments,
    ]
    command, own = _command(kind, base_directory, api_key)
    routing = {"INTERLOCK_ADMIN_TOKEN": admin_token} | ({"INTERLOCK_ROUTES": str(routes)} if routes else {})
    with _running(kind, [*command, *flags], _environment({**own, **routing, **(environment or {})}), log) as process:
        url = f"http://127.0.0.1:{port}"
        engine = EngineProcess(kind, url, port, base_directory, served_name, admin_token, api_key, log, process)
        _wait_until_healthy(engine)
        yield engine


def _command(kind: str, base_directory: Path, api_key: str) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment that the two engines do not share."""
    if kind == "vllm":
        command = [str(vllm_executable()), "serve", str(base_directory), "--enable-lora", "--enforce-eager"]
        return [*command, "--dtype=bfloat16"], VLLM_ENVIRONMENT | ({"VLLM_API_KEY": api_key} if api_key else {})
    command = [sys.executable, "-m", "interlock.engines.embedded", "--base", str(base_directory)]
    if not api_key:
        return command, {}
    return [*command, "--api-key-env=INTERLOCK_ENGINE_API_KEY"], {"INTERLOCK_ENGINE_API_KEY": api_key}


VLLM_ENVIRONMENT = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def vllm_executable() -> Path:
    """The `vllm` command: INTERLOCK_VLLM, or the one that `make test-vllm` builds in `.venv-vllm`.

    Raises:
        UsageError: neither is there.
    """
    path = Path(os.environ.get("INTERLOCK_VLLM") or Path(sys.prefix).parent / ".venv-vllm" / "bin" / "vllm")
    if not path.is_file():
        remedy = "run: make vllm-environment, or set INTERLOCK_VLLM to a vllm command that has interlock installed"
        raise UsageError(f"there is no vLLM at {path}", remedy=remedy)
    return path


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INTERLOCK_", "VLLM_"))}
    return kept | {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"} | dict(own)


@contextmanager
def _running(
    kind: str, command: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=give_way if kind == "vllm" else die_with_parent,
        )
    try:
        yield process
    finally:
        stop(process)


def _wait_until_healthy(engine: EngineProcess) -> None:
    within = START_SECONDS[engine.kind]
    deadline = time.monotonic() + within
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while not _healthy(client, engine.url):
            if not engine.alive() or time.monotonic() > deadline:
                state = f"did not answer within {within:.0f} s" if engine.alive() else "exited"
                raise EngineUnreachable(f"the {engine.kind} engine {state}; its log ends:\n{engine.log_text()[-3000:]}")
            time.sleep(0.05)


def _healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False
