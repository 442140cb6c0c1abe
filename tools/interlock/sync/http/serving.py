"""The HTTP server of one agent, as its settings ask for it: which pages, which secrets, for as long as the agent runs.

Called by `interlock sync`. Without a section `http` in the settings nothing listens and nothing of this is imported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from interlock.documents.listening import listen_address
from interlock.sync.http.exchange import Route, Routes
from interlock.sync.http.hook import HOOK_PATH, MAX_BODY_BYTES, Hook
from interlock.sync.http.pages import Pages
from interlock.sync.http.server import HttpServer
from interlock.sync.pulse import Pulse
from interlock.sync.settings import NodeSettings
from interlock.sync.wake import Wake


@contextmanager
def serving(settings: NodeSettings, pulse: Pulse, wake: Wake, more: Routes | None = None) -> Iterator[HttpServer]:
    """Answer while the block runs. `more` are further routes.

    Raises:
        UsageError: nobody can listen at the address in the settings.
    """
    http = settings.node.http
    assert http is not None
    server = HttpServer(*listen_address(http.listen), {})
    hook = Hook(settings.hook_secret, wake.hint, server.call_later, time.monotonic) if settings.hook_secret else None
    pages = Pages(
        pulse,
        http.longest_turn.total_seconds(),
        counted=hook.metrics if hook else str,
        token=settings.status_token,
    )
    hooks = {("POST", HOOK_PATH): Route(hook, MAX_BODY_BYTES)} if hook else {}
    server.routes = {**pages.routes(), **hooks, **(more or {})}
    server.start()
    try:
        yield server
    finally:
        server.stop()
