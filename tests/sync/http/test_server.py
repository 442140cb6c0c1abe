"""The server under clients that mean it badly: too large, too slow, too many, or not HTTP at all."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import ExitStack

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.errors import UsageError
from interlock.sync.http.exchange import MAX_HEAD_BYTES, Answer, Request, Route, Routes, told
from interlock.sync.http.server import HttpServer
from support.engine_processes import wait_until
from support.http_site import Site, running

OK: Routes = {("GET", "/ok"): Route(lambda _: told(200, {"ok": True}))}


def get(server: HttpServer, path: str = "/ok") -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", trust_env=False)


def is_over(connection: socket.socket) -> bool:
    """Whether the other side has ended a connection, politely or not."""
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


def test_what_is_not_there_is_named_with_what_is(site: Site) -> None:
    answer = site.client.get("/nowhere")
    assert answer.status_code == 404
    assert "/healthz" in answer.json()["error"]


def test_another_method_is_told_which_one_to_use(site: Site) -> None:
    answer = site.client.post("/readyz")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert site.client.get("/hooks/push").headers["allow"] == "POST"


def test_head_gets_the_head_of_what_get_gets(site: Site) -> None:
    head, whole = site.client.head("/status"), site.client.get("/status")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


def test_a_query_does_not_lead_elsewhere_and_answers_are_not_kept(site: Site) -> None:
    answer = site.client.get("/readyz?verbose=1")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"


def test_a_page_that_takes_no_body_refuses_one(site: Site) -> None:
    assert site.client.request("GET", "/readyz", content=b"x").status_code == 413
    assert (
        site.raw(b"GET /readyz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")[:12]
        == b"HTTP/1.1 413"
    )


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /ok HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /ok HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"400"),
        (b"POST /hooks/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", b"400"),
        (b"POST /hooks/push HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", b"413"),
        (b"POST /hooks/push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET /" + b"x" * (2 * MAX_HEAD_BYTES), b"431"),
        (b"GET /ok HTTP/1.1\r\n" + b"X-Y: z\r\n" * MAX_HEAD_BYTES, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    ],
    ids=[
        "words",
        "no host",
        "two hosts",
        "two lengths",
        "a huge length",
        "an unknown coding",
        "a long line",
        "many headers",
        "tls",
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_is_answered(site: Site, data: bytes, status: bytes) -> None:
    answer = site.raw(data)
    assert answer.split(b" ")[1] == status, answer
    assert b"Traceback" not in answer
    assert site.client.get("/healthz").status_code == 200


@settings(max_examples=60)
@given(data=st.binary(max_size=200))
def test_no_bytes_end_the_server(shared_site: Site, data: bytes) -> None:
    shared_site.raw(data)
    assert shared_site.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_client_that_expects_to_be_asked_for_its_body_is(site: Site) -> None:
    head = b"POST /hooks/push HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with site.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert b"HTTP/1.1 403" in connection.recv(1000)


def test_a_request_that_does_not_arrive_in_time_is_ended() -> None:
    with running(OK, deadline=0.05) as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
        slow.sendall(b"GET /ok HTT")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_its_answer_is_ended() -> None:
    asked, transfers = threading.Event(), list[int]()

    def large(_: Request) -> Answer:
        asked.set()
        return Answer(200, b"x" * 30_000_000)

    def given_up() -> bool:
        if asked.is_set():
            transfers.append(server.transferring)
        return 1 in transfers and transfers[-1] == 0

    with (
        running({("GET", "/large"): Route(large)}, deadline=0.7) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as lazy,
    ):
        lazy.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(given_up, within=20, what="the server gives up")
        received = 1 + len(b"".join(iter(lambda: lazy.recv(1 << 20), b"")))
    assert received < 30_000_000


def test_slow_clients_make_room_for_others() -> None:
    with running(OK, capacity=4) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(20)]
        for connection in slow:
            connection.sendall(b"GET /ok HTTP/1.1\r\n")
        assert get(server).status_code == 200
        over = [is_over(connection) for connection in slow[:16]]
        for connection in slow:
            connection.close()
        assert all(over)


def test_threads_do_not_grow_with_connections(site: Site) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(site.connect())
        assert site.client.get("/healthz").status_code == 200
        assert threading.active_count() == before


def test_a_handler_that_fails_costs_its_own_request_only(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Request) -> Answer:
        raise RuntimeError("secret detail")

    with running({**OK, ("GET", "/broken"): Route(broken)}) as server, caplog.at_level(logging.ERROR):
        answer = get(server, "/broken")
        assert answer.status_code == 500
        assert "secret detail" not in answer.text
        assert "secret detail" in caplog.text
        assert get(server).status_code == 200


def test_a_handler_may_take_its_time_without_holding_the_others() -> None:
    async def patient(request: Request) -> Answer:
        await asyncio.wait_for(opened.wait(), 10)
        return told(200, {"body": request.body.decode()})

    async def opening(_: Request) -> Answer:
        opened.set()
        return told(200, {})

    opened = asyncio.Event()
    routes: Routes = {("POST", "/patient"): Route(patient, 10), ("GET", "/open"): Route(opening)}
    with running(routes) as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as waiting:
        waiting.sendall(b"POST /patient HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        assert get(server, "/open").status_code == 200
        assert b'{"body": "hi"}' in b"".join(iter(lambda: waiting.recv(1000), b""))


def test_an_address_that_is_taken_is_told_before_anything_else_happens(site: Site) -> None:
    with pytest.raises(UsageError, match="nobody can listen at"):
        HttpServer("127.0.0.1", site.server.port, {}).start()


def test_a_server_that_was_stopped_listens_no_more() -> None:
    with running(OK) as server:
        port = server.port
        held = socket.create_connection(("127.0.0.1", port), timeout=10)
    with held:
        assert is_over(held)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
