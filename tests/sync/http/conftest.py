"""A real server on loopback for all tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from interlock.sync.http.exchange import Route
from interlock.sync.http.hook import HOOK_PATH, MAX_BODY_BYTES, Hook
from interlock.sync.http.pages import Pages
from support.http_site import LONGEST_TURN, SECRET, Site, Watched, running, status


@pytest.fixture(scope="session")
def shared_site() -> Iterator[Site]:
    hints: list[float] = []
    later: list[float] = []
    clock = [1000.0]
    watched = Watched()
    hook = Hook(SECRET, lambda: hints.append(clock[0]), lambda seconds, _: later.append(seconds), lambda: clock[0])
    pages = Pages(watched, LONGEST_TURN, counted=hook.metrics)
    routes = {**pages.routes(), ("POST", HOOK_PATH): Route(hook, MAX_BODY_BYTES)}
    with running(routes) as server, httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{server.port}") as client:
        yield Site(server, watched, client, hints, later, clock)


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The server, as if it had just begun."""
    shared_site.watched.status, shared_site.watched.seconds = status(), 1.0
    shared_site.hints.clear()
    shared_site.later.clear()
    shared_site.clock[0] += 1000.0
    return replace(shared_site)
