"""`python -m interlock.engines.embedded`: load a base, then serve it until a signal ends the process.

Exit: 2 when it was called wrongly, the port is taken, or the base cannot be loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from interlock.engines.embedded.generation import LanguageModel
from interlock.engines.embedded.server import Engine, import_middleware
from interlock.engines.embedded.settings import EngineSettings
from interlock.engines.embedded.tokenizing import Tokenization
from interlock.errors import InterlockError, UsageError

LOG = logging.getLogger("interlock.engine")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the engine; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chosen = _parser().parse_args(arguments)
    try:
        settings = _settings(chosen)
        with _bound(chosen.host, chosen.port) as listener:
            model, tokenization = _load(settings)
            asyncio.run(_serve(settings, model, tokenization, listener))
    except InterlockError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m interlock.engines.embedded",
        description="Serve a small base and its LoRA adapters with an OpenAI-compatible interface.",
    )
    add = parser.add_argument
    add("--base", type=Path, required=True, help="directory of the base: config, weights, tokenizer")
    add("--served-model-name", nargs="+", help="names of the base for clients (default: the directory's name)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    add("--max-loras", type=_positive, default=4, help="adapters in one batch (default: %(default)s)")
    add("--max-cpu-loras", type=_positive, help="adapters that may be loaded (default: as --max-loras)")
    add("--max-lora-rank", type=_positive, default=16, help="largest rank of an adapter (default: %(default)s)")
    add("--max-model-len", type=_positive, help="tokens of prompt and answer together (default: the base's)")
    add("--max-num-seqs", type=_positive, default=32, help="requests answered in one batch (default: %(default)s)")
    add("--max-waiting", type=_positive, default=1024, help="requests taken at once (default: %(default)s)")
    add("--dtype", choices=["float32", "bfloat16"], default="float32", help="numbers to compute in (default: float32)")
    add("--threads", type=_positive, default=1, help="threads of one step (default: %(default)s)")
    add("--middleware", action="append", default=[], metavar="PACKAGE.MODULE.CLASS", help="ASGI class to put in front")
    add("--api-key-env", metavar="NAME", help="environment variable with the key that clients must send")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _settings(chosen: argparse.Namespace) -> EngineSettings:
    base = chosen.base.absolute()
    return EngineSettings(
        base=base,
        served_names=tuple(chosen.served_model_name or [base.name]),
        max_loras=chosen.max_loras,
        max_cpu_loras=chosen.max_cpu_loras or chosen.max_loras,
        max_lora_rank=chosen.max_lora_rank,
        max_model_len=chosen.max_model_len,
        dtype=chosen.dtype,
        threads=chosen.threads,
        max_rows=chosen.max_num_seqs,
        max_waiting=chosen.max_waiting,
        middleware=tuple(import_middleware(path) for path in chosen.middleware),
        api_key=_api_key(chosen.api_key_env),
    )


def _api_key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise UsageError(
            f"--api-key-env names {variable}, which is not set",
            expected="the key that clients must send",
            remedy=f"export {variable}=…, or leave --api-key-env out to serve without a key",
        )
    return key


def _load(settings: EngineSettings) -> tuple[LanguageModel, Tokenization]:
    if not (settings.base / "config.json").is_file():
        raise _unusable(settings.base, "it holds no config.json")
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        torch.set_num_threads(settings.threads)
        model = LanguageModel(settings.base, dtype=settings.dtype, max_model_len=settings.max_model_len)
        return model, Tokenization(settings.base, model.max_model_len)
    except (OSError, ValueError) as error:
        raise _unusable(settings.base, str(error)) from error


def _unusable(base: Path, reason: str) -> UsageError:
    return UsageError(
        f"the base in {base} cannot be loaded: {reason}",
        expected="a directory with config.json, safetensors weights and a tokenizer, as transformers saves them",
        remedy="check --base",
    )


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the address already but listens only once there is an answer to give."""
    # The protocol is named because asyncio switches off Nagle's algorithm only where it is: without that, answers on
    # kept connections wait 40 ms for an acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error}",
            expected="an address of this machine and a port that is free",
            remedy="choose another --port, or stop what uses this one",
        ) from error
    return listener


async def _serve(
    settings: EngineSettings, model: LanguageModel, tokenization: Tokenization, listener: socket.socket
) -> None:
    engine = Engine(settings, model, tokenization)
    config = uvicorn.Config(engine.application, log_level="warning", lifespan="off", timeout_graceful_shutdown=5)
    host, port = listener.getsockname()[:2]
    LOG.info("serving %s from %s on http://%s:%d", settings.served_names[0], settings.base, host, port)
    engine.start()
    try:
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        engine.stop()


if __name__ == "__main__":
    sys.exit(main())
