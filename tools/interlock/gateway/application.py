"""The gateway as one ASGI application: routing, then the engine's own naming, then the way to the engine.

    client → RoutingMiddleware → Edge → ReverseProxy → engine

Made by `interlock gateway` and by tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.engines.naming import Naming
from interlock.gateway.edge import Edge
from interlock.gateway.proxy import ReverseProxy, Upstream
from interlock.routing.asgi import Application
from interlock.routing.middleware import RoutingMiddleware
from interlock.routing.settings import RoutingSettings


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a gateway needs to know: how it routes, how its engine names adapters, and where that engine is."""

    routing: RoutingSettings
    naming: Naming
    upstream: Upstream


def gateway(settings: GatewaySettings) -> Application:
    """The application for one engine."""
    proxy = ReverseProxy(settings.upstream)
    routing = settings.routing
    edge = Edge(proxy, settings.naming, max_body_bytes=routing.max_body_bytes, opened=routing.opened)
    return RoutingMiddleware(edge, routing)
