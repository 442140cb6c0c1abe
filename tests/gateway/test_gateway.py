"""The gateway over real HTTP: what it routes and refuses, how it streams, and what happens when either side goes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.engines.naming import SLASHED, Naming
from interlock.errors import UsageError
from interlock.gateway.application import GatewaySettings, gateway
from interlock.gateway.patience import PatientProtocol
from interlock.gateway.proxy import Upstream
from interlock.routing.asgi import Receive, Scope, Send
from interlock.routing.settings import RoutingSettings
from interlock.routing.table import Route, RouteTable
from interlock.routing.writer import write_table
from support.asgi_engine import TinyEngine, serving, wait_until
from support.engine_processes import free_port
from support.scripted_engine import FOREVER, scripted_engine

TOKEN = "the-agents-token"
SERVED = "support-bot@1-0123456789ab"
TABLE = RouteTable("test", "", frozenset({"tiny"}), frozenset({SERVED}), routes={"support-bot": Route(SERVED)})
WITH_BASE = Naming.with_base("tiny")
Edge = tuple[httpx.Client, TinyEngine]


@contextmanager
def edge(
    root: Path,
    upstream: Upstream | str,
    *,
    naming: Naming = WITH_BASE,
    max_body_bytes: int = 1 << 20,
    opened: frozenset[str] = frozenset(),
    http: type[asyncio.Protocol] | None = None,
) -> Iterator[httpx.Client]:
    """A client of a gateway in front of `upstream`, without the agent's token."""
    routes = root / "routes.json"
    write_table(routes, TABLE)
    engine = Upstream(upstream) if isinstance(upstream, str) else upstream
    settings = GatewaySettings(RoutingSettings(routes, TOKEN.encode(), max_body_bytes, opened), naming, engine)
    with (
        serving(gateway(settings), http=http) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=10.0) as client,
    ):
        yield client


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Edge]:
    """A gateway in front of an engine that remembers what it got."""
    engine = TinyEngine()
    with serving(engine) as url, edge(tmp_path, url) as client:
        yield client, engine


def connected(client: httpx.Client) -> socket.socket:
    """A connection for what no client of HTTP would send."""
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10)


def raw(client: httpx.Client, data: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    with connected(client) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(client: httpx.Client, path: str = "/v1/completions", **body: Any) -> httpx.Response:
    """One request."""
    return client.post(path, json={"model": "support-bot", "prompt": "Hi", **body})


def test_an_alias_becomes_the_engines_own_name_and_the_answer_is_stamped_with_the_revision(behind: Edge) -> None:
    client, engine = behind
    answer = ask(client)
    assert engine.seen[-1].model == f"tiny:{SERVED}"
    assert answer.headers["x-interlock-revision"] == SERVED
    assert answer.headers["x-interlock-alias"] == "support-bot"
    assert ask(client, model="tiny").json()["model"] == "tiny"


@pytest.mark.parametrize(
    ("naming", "named"),
    [
        (Naming(), SERVED),
        (Naming.below(Path("/adapters")), f"/adapters/{SERVED}"),
        (SLASHED, "support-bot/1-0123456789ab"),
    ],
)
def test_each_kind_of_engine_gets_the_name_that_it_takes(tmp_path: Path, naming: Naming, named: str) -> None:
    engine = TinyEngine()
    with serving(engine) as url, edge(tmp_path, url, naming=naming) as client:
        ask(client)
    assert engine.seen[-1].model == named


def test_everything_else_about_a_request_reaches_the_engine_as_it_was_sent(behind: Edge) -> None:
    client, engine = behind
    body = b'{ "prompt":"\\u00e4",  "model": "tiny", "n":1e0 }'
    headers = {"Content-Type": "application/json", "Authorization": "Bearer the-clients-key", "X-Tenant": "acme"}
    client.post("/v1/completions?trace=a%20b", content=body, headers=headers)
    seen = engine.seen[-1]
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/completions", body)
    assert seen.headers["authorization"] == "Bearer the-clients-key"
    assert seen.headers["content-length"] == str(len(body))


def test_what_belongs_to_one_connection_ends_there_and_the_agents_token_with_it(behind: Edge) -> None:
    client, engine = behind
    headers = {"Connection": "keep-alive, X-Hop", "X-Hop": "1", "TE": "trailers", "X-Interlock-Token": TOKEN}
    client.get("/v1/models", headers=headers)
    seen = engine.seen[-1].headers
    assert not seen.keys() & {"x-hop", "te", "x-interlock-token"}
    assert seen["host"] != client.base_url.netloc.decode()


def test_a_get_takes_no_body_along(behind: Edge) -> None:
    client, engine = behind
    client.request("GET", "/v1/models", content=b'{"forward_sleep_time": 60}')
    assert engine.seen[-1].body == b""


def test_hop_by_hop_headers_of_the_engine_do_not_reach_the_client(tmp_path: Path) -> None:
    head = b"HTTP/1.1 201 Made\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
    with (
        scripted_engine(lambda _: [head, b"X-Kept: yes\r\nContent-Length: 2\r\n\r\nok"]) as engine,
        edge(tmp_path, engine.url) as client,
    ):
        answer = ask(client)
    assert (answer.status_code, answer.text, answer.headers["x-kept"]) == (201, "ok", "yes")
    assert not answer.headers.keys() & {"x-hop", "keep-alive"}


@dataclass
class Dripping:
    """An engine that sends its second piece only after the test has seen the first, or more and more of them."""

    endless: bool = False
    seen: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
        leaving = asyncio.ensure_future(receive())
        while not self.seen.is_set() and not leaving.done():
            await asyncio.sleep(0.005)
            if self.endless:
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        if leaving.done():
            self.gone.set()
            return
        leaving.cancel()
        await send({"type": "http.response.body", "body": b"data: two\n\n", "more_body": False})


def test_an_answer_passes_piece_by_piece_while_the_engine_still_makes_it(tmp_path: Path) -> None:
    engine = Dripping()
    with serving(engine) as url, edge(tmp_path, url) as client:
        body = {"model": "support-bot", "prompt": "Hi", "stream": True}
        with client.stream("POST", "/v1/completions", json=body) as answer:
            pieces = answer.iter_raw()
            assert next(pieces) == b"data: one\n\n"
            engine.seen.set()
            assert b"".join(pieces) == b"data: two\n\n"


def test_a_client_that_leaves_in_the_middle_ends_the_request_in_the_engine(tmp_path: Path) -> None:
    engine = Dripping()
    with serving(engine) as url, edge(tmp_path, url) as client:
        body = {"model": "support-bot", "prompt": "Hi", "stream": True}
        with client.stream("POST", "/v1/completions", json=body) as answer:
            assert next(answer.iter_raw()) == b"data: one\n\n"
        assert engine.gone.wait(5)


def test_a_client_that_leaves_before_the_first_byte_ends_the_request_in_the_engine(behind: Edge) -> None:
    client, engine = behind
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/completions", json={"model": "tiny", "hang": True}, timeout=0.3)
    assert engine.started.is_set()
    assert engine.disconnected.wait(5)


def test_an_engine_that_stops_in_the_middle_never_looks_like_a_whole_answer(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    with (
        scripted_engine(lambda _: [head]) as engine,
        edge(tmp_path, engine.url) as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        ask(client)


def test_an_engine_that_is_down_or_silent_is_a_502_or_a_504_in_time(tmp_path: Path) -> None:
    with edge(tmp_path, f"http://127.0.0.1:{free_port()}") as client:
        answer = ask(client)
        assert (answer.status_code, answer.json()["error"]["type"]) == (502, "EngineUnreachable")
    with (
        scripted_engine(lambda _: [FOREVER]) as engine,
        edge(tmp_path, Upstream(engine.url, silence_s=0.2)) as client,
    ):
        assert ask(client).status_code == 504


def test_more_requests_than_the_engine_may_have_are_turned_away(tmp_path: Path) -> None:
    engine = Dripping()
    upstream = {"connections": 1, "connect_s": 0.2}
    with ExitStack() as stack:
        url = stack.enter_context(serving(engine))
        client = stack.enter_context(edge(tmp_path, Upstream(url, **upstream)))  # type: ignore[arg-type]
        first = stack.enter_context(client.stream("POST", "/v1/completions", json={"model": "tiny", "prompt": "Hi"}))
        pieces = first.iter_raw()  # kept, because a stream that nobody holds is closed
        assert next(pieces)
        assert ask(client).status_code == 503
        engine.seen.set()


@pytest.mark.parametrize("token", [TOKEN, ""])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/load_lora_adapter"),
        ("POST", "/unload_lora_adapter"),
        ("POST", "/v1/load_lora_adapter"),
        ("POST", "/v1/%6coad_lora_adapter"),
        ("DELETE", "/adapters/x"),
        ("GET", "/server_info"),
        ("GET", "/slow_down"),
        ("POST", "/flush_cache"),
        ("GET", "/freeze_gc"),
        ("GET", "/set_trace_level?level=3"),
        ("HEAD", "/what_the_next_release_brings"),
        ("GET", "/v1/models/..%2f..%2fwhat_the_next_release_brings"),
        ("GET", "/v1/responses/%2e%2e/%2e%2e/what_the_next_release_brings"),
    ],
)
def test_nobody_administers_the_engine_through_here(behind: Edge, method: str, path: str, token: str) -> None:
    client, engine = behind
    answer = client.request(method, path, json={}, headers={"X-Interlock-Token": token} if token else {})
    assert answer.status_code == 403
    assert engine.seen == []


def test_what_only_reads_passes_and_an_operator_may_open_more(tmp_path: Path) -> None:
    engine = TinyEngine()
    with serving(engine) as url, edge(tmp_path, url, opened=frozenset({"/hicache/storage-backend"})) as client:
        for path in ("/health", "/v1/models", "/v1/models/tiny", "/v1/health/ready", "/hicache/storage-backend"):
            assert client.get(path).status_code == 200, path
        assert client.options("/anything").status_code == 200
    assert len(engine.seen) == 6


@pytest.mark.parametrize("target", ["@{other}/v1/models", "http://{other}/v1/models", "{digits}/v1/models", "*", "?x"])
def test_a_target_that_is_no_path_leads_to_no_other_server(behind: Edge, target: str) -> None:
    client, engine = behind
    elsewhere = TinyEngine()
    with serving(elsewhere) as url:
        written = target.format(other=url.removeprefix("http://"), digits=url[-1])
        answer = raw(client, f"OPTIONS {written} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("ascii"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert engine.seen == elsewhere.seen == []


def test_a_path_that_grows_too_long_when_it_is_written_plainly_is_the_clients_mistake(behind: Edge) -> None:
    client, engine = behind
    answer = raw(client, b"OPTIONS /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (b'"' * 30_000))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert engine.seen == []


def test_a_request_with_a_length_and_in_chunks_is_one_request(behind: Edge) -> None:
    client, engine = behind
    body = b'{"model": "tiny"}'
    smuggled = b"GET /flush_cache HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    raw(client, head % (len(chunked) + len(smuggled)) + chunked + smuggled)
    assert [(seen.path, seen.body) for seen in engine.seen] == [("/v1/completions", body)]
    assert engine.seen[0].headers["content-length"] == str(len(body))


@pytest.mark.parametrize("key", ["lora_id", "lora_path", "adapter_id", "adapter_source", "parameters", "api_token"])
def test_an_adapter_is_chosen_as_model_and_in_no_other_way(behind: Edge, key: str) -> None:
    client, engine = behind
    answer = ask(client, model="tiny", **{key: SERVED})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, key)
    assert engine.seen == []


def test_unknown_models_methods_and_paths_do_not_reach_the_engine(behind: Edge) -> None:
    client, engine = behind
    assert ask(client, model="tiny:" + SERVED).status_code == 404
    assert ask(client, "/generate").status_code == 403
    assert client.request("TRACE", "/v1/models").status_code in (403, 405)
    assert client.put("/v1/models", headers={"X-Interlock-Token": TOKEN}).status_code == 405
    assert engine.seen == []


def test_a_body_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    engine = TinyEngine()
    with serving(engine) as url, edge(tmp_path, url, max_body_bytes=100) as client:
        assert ask(client, prompt="x" * 200).status_code == 413
    assert engine.seen == []


def test_the_gateway_says_that_the_routing_is_live_and_counts_for_the_agent(behind: Edge) -> None:
    client, engine = behind
    probe = client.get("/interlock/routing", headers={"X-Interlock-Token": TOKEN})
    assert (probe.headers["x-interlock-routing"], probe.json()["table"]) == ("1", TABLE.digest)
    assert probe.json()["in_flight"] == {}
    assert engine.seen == []


def test_a_form_names_its_model_too(behind: Edge) -> None:
    client, engine = behind
    client.post("/v1/audio/transcriptions", data={"model": "support-bot"}, files={"file": ("a.wav", b"RIFF")})
    assert f"tiny:{SERVED}".encode() in engine.seen[-1].body


class Hasty(PatientProtocol):
    """Waits for a moment only."""

    patience_s = 0.5


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /v1/completions HT", b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"],
)
def test_a_client_that_does_not_finish_its_request_gives_its_place_free(tmp_path: Path, sent: bytes) -> None:
    with (
        serving(TinyEngine()) as url,
        edge(tmp_path, url, http=Hasty) as client,
        connected(client) as slow,
    ):
        slow.sendall(sent)
        assert slow.recv(1) == b""


def in_flight(client: httpx.Client) -> object:
    """What the agent is told of requests under way."""
    return client.get("/interlock/routing", headers={"X-Interlock-Token": TOKEN}).json()["in_flight"]


def test_a_client_that_does_not_read_its_answer_keeps_no_adapter_in_use(tmp_path: Path) -> None:
    body = b'{"model": "support-bot"}'
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    engine = Dripping(endless=True)
    with serving(engine) as url, edge(tmp_path, url, http=Hasty) as client, connected(client) as lazy:
        lazy.sendall(head + body)
        assert engine.gone.wait(5)
        wait_until(lambda: in_flight(client) == {})


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://user:secret@127.0.0.1", "http://127.0.0.1?x=1", "nonsense"])
def test_an_address_that_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="the engine's address"):
        Upstream(url)
