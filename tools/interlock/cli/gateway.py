"""`interlock gateway`: the routing middleware in front of an engine that takes no middleware."""

from __future__ import annotations

import os
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.errors import UsageError
from interlock.routing.settings import ADMIN_TOKEN_FILE, ROUTES, RoutingSettings


@click.command(short_help="Route requests to an engine that takes no middleware.")
@click.option(
    "--routes",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The route table that the agent writes (`routes` in the node's settings).",
)
@click.option("--engine", "engine_url", required=True, metavar="URL", help="The engine, like http://127.0.0.1:30000.")
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where clients ask, like 0.0.0.0:8000.")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(("sglang", "lorax", "tgi", "nim", "vllm", "embedded")),
    help="The engine's kind: it decides how a request names an adapter.",
)
@click.option("--base", default="", metavar="NAME", help="SGLang: its served model name, which goes before an adapter.")
@click.option(
    "--adapters",
    type=click.Path(file_okay=False, path_type=Path),
    help="LoRAX: the directory of its adapters (`engine.adapters_directory`), which goes before an adapter.",
)
@click.option(
    "--admin-token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The agent's token; otherwise INTERLOCK_ADMIN_TOKEN or INTERLOCK_ADMIN_TOKEN_FILE.",
)
@click.option("--silence", default=300.0, show_default=True, help="Seconds that the engine may stay silent.")
@click.option("--connections", default=512, show_default=True, help="Requests that may be under way at once.")
def gateway(
    routes: Path,
    engine_url: str,
    listen: str,
    kind: str,
    base: str,
    adapters: Path | None,
    admin_token_file: Path | None,
    silence: float,
    connections: int,
) -> int:
    """Put the routing in front of an engine that runs no ASGI middleware: SGLang, LoRAX, TGI, NIM.

    Clients talk to the gateway, the agent talks to the engine and asks here whether the routing is live
    (`engine.routing_url`). Answers stream through; a client that leaves ends its request in the engine. Adapters and
    the engine are administered by nobody through here. The variables of the middleware (docs/routing.md) work here too.

    \b
    Examples:
      interlock gateway --kind sglang --base llama-8b --engine http://127.0.0.1:30000 --listen 0.0.0.0:8000 \\
        --routes /run/interlock/routes.json --admin-token-file /etc/interlock/admin-token
      interlock gateway --kind lorax --adapters /var/lib/interlock/lorax --engine http://127.0.0.1:3000 \\
        --listen 127.0.0.1:8000 --routes /run/interlock/routes.json
    """
    import uvicorn

    from interlock.engines.naming import naming_of
    from interlock.gateway.application import GatewaySettings
    from interlock.gateway.application import gateway as application
    from interlock.gateway.patience import PatientProtocol
    from interlock.gateway.proxy import Upstream

    own = {ROUTES: str(routes)} | ({ADMIN_TOKEN_FILE: str(admin_token_file)} if admin_token_file else {})
    routing = RoutingSettings.from_environment({**os.environ, **own})
    settings = GatewaySettings(
        routing=routing,
        naming=naming_of(kind, base=base, directory=adapters),
        upstream=Upstream(
            engine_url, silence_s=silence, connections=connections, max_body_bytes=routing.max_body_bytes
        ),
    )
    host, port = _address(listen)
    uvicorn.run(
        application(settings),
        host=host,
        port=port,
        http=PatientProtocol,
        ws="none",
        limit_concurrency=connections,
        timeout_graceful_shutdown=max(1, int(silence)),
        access_log=False,
        server_header=False,
        log_level="info",
    )
    return exit_codes.CLEAN


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 1 << 16:
        raise UsageError(f"--listen is {text!r}", expected="HOST:PORT, like 127.0.0.1:8000")
    return host.strip("[]"), int(port)
