"""The question to the agent over a real socket: what is sent, and what is made of every possible answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from interlock.routing import asking
from interlock.routing.asking import AgentAnswer, NoAnswer, ask_agent
from interlock.routing.settings import AgentAddress
from support.route_tables import OLD


def ask(answer: bytes, *, hang: bool = False, host: str = "127.0.0.1") -> tuple[AgentAnswer, bytes]:
    """Ask an agent that answers with these bytes; returns what was understood and what the agent got."""
    got = bytearray()
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        got.extend(head + await reader.readexactly(length))
        writer.write(answer)
        if hang:
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    async def run() -> AgentAnswer:
        server = await asyncio.start_server(serve, host, 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await ask_agent(AgentAddress(host, port), b"the-token", OLD, within=0.05)
        finally:
            await gone.wait()
            server.close()

    return asyncio.run(run()), bytes(got)


def http(status: int, document: object = None, *, extra: str = "") -> bytes:
    body = json.dumps(document).encode()
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


def test_the_question_names_the_revision_and_shows_the_token() -> None:
    answer, got = ask(http(200, {}))
    head, _, body = got.partition(b"\r\n\r\n")
    assert answer == AgentAnswer(loaded=True)
    assert head.startswith(b"POST /want HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Interlock-Token: the-token" in head.split(b"\r\n")
    assert json.loads(body) == {"name": OLD, "seconds": 0.05}


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (http(202), AgentAnswer()),
        (http(503, {"reason": "no room", "retry_after": 12.4}), AgentAnswer(False, True, "no room", 12)),
        (http(503, {"reason": "no room", "retry_after": 0}), AgentAnswer(False, True, "no room", 1)),
        (http(503, {"reason": "x" * 9000, "retry_after": 1e9}), AgentAnswer(False, True, "x" * 600)),
        (http(503, {"reason": "no room", "retry_after": True}), AgentAnswer(False, True, "no room")),
    ],
)
def test_an_answer_is_understood(sent: bytes, understood: AgentAnswer) -> None:
    assert ask(sent)[0] == understood


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
        http(503, []),
        http(503, {"retry_after": 1}),
        http(401, {"reason": "the token is wrong"}),
        http(404, {}),
        http(500, {}),
    ],
)
def test_what_is_no_answer_of_the_agent_is_none(sent: bytes) -> None:
    with pytest.raises(NoAnswer):
        ask(sent)


def test_an_agent_that_says_nothing_is_not_waited_for_longer_than_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_GRACE_S", 0.05)
    with pytest.raises(NoAnswer, match=r"within 0\.1 seconds"):
        ask(b"", hang=True)


def test_an_agent_that_is_not_there_is_told_apart() -> None:
    with pytest.raises(NoAnswer, match="ConnectionRefused"):
        asyncio.run(ask_agent(AgentAddress("127.0.0.1", 1), b"", OLD, within=1))
    with pytest.raises(NoAnswer, match="no address"):
        asyncio.run(ask_agent(None, b"", OLD, within=1))
