"""The middleware under a real server, asked by a real client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from interlock.routing.middleware import RoutingMiddleware
from interlock.routing.settings import RoutingSettings
from interlock.routing.writer import write_table
from support.asgi_engine import TinyEngine, serving
from support.route_tables import NEW, OLD, route_table


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "routes.json"
    write_table(path, route_table())
    return path


@pytest.fixture
def engine() -> TinyEngine:
    return TinyEngine()


@pytest.fixture
def client(routes: Path, engine: TinyEngine) -> Iterator[httpx.Client]:
    app = RoutingMiddleware(engine, RoutingSettings(routes, b"the-agent", max_body_bytes=1_000_000))
    with serving(app) as url, httpx.Client(base_url=url, timeout=10) as opened:
        yield opened


def test_a_request_is_routed_and_stamped(client: httpx.Client, engine: TinyEngine) -> None:
    answer = client.post("/v1/chat/completions", json={"model": "support-bot", "messages": []})
    assert answer.status_code == 200
    assert answer.json()["model"] == OLD
    assert answer.headers["X-Interlock-Revision"] == OLD
    assert engine.seen[-1].headers["content-length"] == str(len(engine.seen[-1].body))


def test_a_chunked_request_and_a_streamed_answer_pass(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"model": "support-'
        yield b'bot", "stream": true}'

    with client.stream("POST", "/v1/completions", content=chunks()) as answer:
        assert answer.headers["X-Interlock-Alias"] == "support-bot"
        assert answer.read() == b"data: one\n\ndata: two\n\ndata: [DONE]\n\n"


def test_percent_encoding_hides_no_administration(client: httpx.Client, engine: TinyEngine) -> None:
    for path in (b"/%61dapters", b"/%2561dapters", b"/v1/%2e%2e/adapters", b"//adapters", b"/adapters%2Fx"):
        url = client.base_url.copy_with(raw_path=path)
        assert client.post(url, json={}).status_code == 403
        assert client.delete(url).status_code == 403
    assert not engine.seen


def test_a_large_body_is_refused_and_the_next_request_works(client: httpx.Client) -> None:
    assert client.post("/v1/completions", json={"model": "tiny", "prompt": "x" * 1_100_000}).status_code == 413
    assert client.post("/v1/completions", json={"model": "tiny"}).status_code == 200


def test_a_client_that_hangs_up_stops_its_generation(client: httpx.Client, engine: TinyEngine) -> None:
    body = json.dumps({"model": "support-bot", "hang": True}).encode()
    address = urlsplit(str(client.base_url))
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert engine.started.wait(10)
    assert engine.disconnected.wait(10)


def test_switching_the_table_under_load_fails_no_request(client: httpx.Client, routes: Path) -> None:
    done = threading.Event()
    revisions: list[str] = []
    failures: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=10) as own:
            while not done.is_set():
                answer = own.post("/v1/completions", json={"model": "support-bot"})
                if answer.status_code != 200 or answer.json()["model"] != answer.headers["X-Interlock-Revision"]:
                    failures.append(answer.text)
                revisions.append(answer.headers.get("X-Interlock-Revision", ""))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for active in (NEW, OLD) * 10:
        write_table(routes, route_table(active))
        answer = client.post("/v1/completions", json={"model": "support-bot"})
        assert answer.headers["X-Interlock-Revision"] == active
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert set(revisions) <= {OLD, NEW}


def test_behind_a_prefix_the_paths_are_the_same(routes: Path, engine: TinyEngine) -> None:
    app = RoutingMiddleware(engine, RoutingSettings(routes))
    with serving(app, root_path="/api") as url, httpx.Client(base_url=url, timeout=10) as client:
        assert client.post("/v1/completions", json={"model": "support-bot"}).headers["X-Interlock-Revision"] == OLD
        assert client.post("/adapters", json={}).status_code == 403
        assert client.get("/interlock/routing").json()["routing"] == "interlock"


def test_the_environment_configures_a_middleware_that_gets_no_arguments(
    routes: Path, engine: TinyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_ROUTES", str(routes))
    monkeypatch.setenv("INTERLOCK_ADMIN_TOKEN", "from-the-environment")
    with serving(RoutingMiddleware(engine)) as url, httpx.Client(base_url=url, timeout=10) as client:
        assert client.get("/interlock/routing").json()["table"] == route_table().digest
        headers = {"X-Interlock-Token": "from-the-environment"}
        assert client.post("/v1/load_lora_adapter", json={}, headers=headers).status_code == 200
