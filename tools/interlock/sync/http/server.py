"""A small HTTP server beside the agent's loop: one thread, bounded connections, and no client that can hold it.

Called by `serving.py`. Every connection has a deadline for its request and one for its answer; where all places are
taken, the connection that has been sending its request for longest makes room. Handlers answer from memory, so one
thread is enough, and a handler that fails costs its own request only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator

from interlock.errors import UsageError
from interlock.sync.http.exchange import Answer, Exchange, Refused, Request, Route, Routes, told

log = logging.getLogger("interlock.sync.http")

DEADLINE = 10.0
CAPACITY = 64
MAX_WORKING = 256
_STOP_WITHIN = 5.0
_ROUNDS = 8
_HEAD_BUFFER = 64 * 1024


class HttpServer:
    """Listens at one address. `deadline` bounds a request and an answer each, in seconds; `capacity` is the number of
    connections that may be sending or receiving at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        routes: Routes,
        *,
        deadline: float = DEADLINE,
        capacity: int = CAPACITY,
    ) -> None:
        self._host, self._port = host, port
        self.routes, self._deadline, self._capacity = routes, deadline, capacity
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transfers: dict[asyncio.StreamWriter, None] = {}
        self._working = 0
        self._thread = threading.Thread(target=self._run, name="interlock-http", daemon=True)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port it listens at; where 0 was asked for, the one that the system chose."""
        return int(self._socket.getsockname()[1]) if self._socket else self._port

    @property
    def transferring(self) -> int:
        """How many connections send or receive now."""
        return len(self._transfers)

    def start(self) -> None:
        """Listen, in a thread of its own.

        Raises:
            UsageError: nobody can listen at this address.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # With the protocol named, asyncio sends what it has at once (TCP_NODELAY); otherwise it does not.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._host, self._port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            found = f"nobody can listen at {self._host} port {self._port}: {error.strerror}"
            raise UsageError(found, remedy="let http.listen in the node's settings name a free address") from error
        self._socket, self._loop = listening, asyncio.new_event_loop()
        self._thread.start()

    def stop(self) -> None:
        """End every connection and the thread."""
        if self._loop and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(_STOP_WITHIN)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in the server's thread; only for handlers, which run there."""
        assert self._loop is not None
        self._loop.call_later(seconds, callback)

    def _run(self) -> None:
        assert self._loop is not None
        with contextlib.closing(self._loop) as loop:
            loop.run_until_complete(self._serve())
            loop.run_until_complete(self._end_connections())

    async def _serve(self) -> None:
        assert self._socket is not None
        server = await asyncio.start_server(self._connection, sock=self._socket, limit=_HEAD_BUFFER)
        await self._stopped.wait()
        # What was accepted a moment ago gets its task first: a server that is closed meanwhile would leave it open.
        asyncio.get_running_loop().remove_reader(self._socket)
        await self._some_rounds()
        server.close()

    async def _end_connections(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._some_rounds()

    async def _some_rounds(self) -> None:
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = Exchange(self.routes, reader, writer)
        try:
            answer = await self._answer(exchange, writer)
            with self._transfer(writer):
                async with asyncio.timeout(self._deadline):
                    await exchange.write(answer)
        except (OSError, TimeoutError):
            pass  # the client went away, or was too slow
        except asyncio.CancelledError:
            pass  # the server stops; nobody waits for this task, and asyncio would call a cancelled one a mistake
        finally:
            writer.transport.abort()

    async def _answer(self, exchange: Exchange, writer: asyncio.StreamWriter) -> Answer:
        try:
            with self._transfer(writer):
                async with asyncio.timeout(self._deadline):
                    request, route = await exchange.read()
        except Refused as refusal:
            return refusal.answer
        except TimeoutError:
            return told(408, {"error": f"the request did not arrive within {self._deadline:g} seconds"})
        return await self._handled(request, route)

    async def _handled(self, request: Request, route: Route) -> Answer:
        if self._working >= MAX_WORKING:
            return told(503, {"error": "too many requests at once"}, ("retry-after", "1"))
        self._working += 1
        try:
            answer = route.handler(request)
            return await answer if isinstance(answer, Awaitable) else answer
        except Exception:
            log.exception("%s %s was not answered; please report it", request.method, request.path)
            return told(500, {"error": "this is a bug in Interlock; the agent's log says more"})
        finally:
            self._working -= 1

    @contextlib.contextmanager
    def _transfer(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """A place among those that send or receive; the oldest one makes room where all are taken."""
        if len(self._transfers) >= self._capacity:
            next(iter(self._transfers)).transport.abort()
        self._transfers[writer] = None
        try:
            yield
        finally:
            self._transfers.pop(writer, None)
