"""Bounded HTTP calls to one engine: every call has a total deadline, every body a limit, every failure a type.

Called by the drivers only. Refuses redirects, compressed bodies and proxies from the environment: the tokens go to the
engine that was named and to nobody else.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from interlock.engines.address import EngineAddress
from interlock.errors import EngineMisbehaved, EngineUnreachable

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
ADMIN_HEADER: Final = "X-Interlock-Token"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine answered: status, headers (any case) and the whole body."""

    status: int
    headers: httpx.Headers
    body: bytes


class HttpCalls:
    """Calls to the engine at one address; connections are kept between calls. Usable from any one thread at a time.

    The calls block, and run on a private event loop because only a cancellation bounds the whole of a call: a timeout
    on every read would let an engine that sends one byte at a time hold the agent for ever.
    """

    def __init__(self, address: EngineAddress) -> None:
        """Calls to `address.url`, with all keys of `address`."""
        self._address = address
        self._base = address.url.rstrip("/")
        self._lock = threading.Lock()
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            headers=_headers(address),
            timeout=None,  # noqa: S113 - `_within` bounds the whole call
            follow_redirects=False,
            trust_env=False,
            verify=_tls(address.url),
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=2, keepalive_expiry=4.0),
        )

    def get(self, path: str, *, admin: bool = False) -> Answer:
        """GET `path`; `admin` adds the agent's token.

        Raises EngineUnreachable without a complete answer, EngineMisbehaved for an unusable one.
        """
        return self._call("GET", path, None, admin=admin, within=self._address.timeout_s)

    def post(self, path: str, payload: Mapping[str, Any], *, admin: bool = False, loading: bool = False) -> Answer:
        """POST `payload` as JSON; `admin` adds the agent's token, `loading` is for calls that load or unload: they may
        take the time of a load and carry the engine's own key for that.

        Raises EngineUnreachable without a complete answer, EngineMisbehaved for an unusable one.
        """
        within = self._address.load_timeout_s if loading else self._address.timeout_s
        key = self._address.admin_key if loading else ""
        return self._call("POST", path, payload, admin=admin, within=within, key=key)

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            self._runner.run(self._client.aclose())
            self._runner.close()

    def _call(
        self, method: str, path: str, payload: Mapping[str, Any] | None, *, admin: bool, within: float, key: str = ""
    ) -> Answer:
        token = self._address.admin_token
        headers = {ADMIN_HEADER: token} if admin and token else {}
        headers |= _bearer(key)
        request = self._client.build_request(method, self._base + path, json=payload, headers=headers)
        where = f"{method} {self._base}{path}"
        try:
            with self._lock:
                return self._runner.run(self._within(request, where, within))
        except TimeoutError:
            raise self._unreachable(where, f"no complete answer within {within:g} s") from None
        except (httpx.TransportError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise self._unreachable(where, f"the connection failed: {reason}") from None

    async def _within(self, request: httpx.Request, where: str, seconds: float) -> Answer:
        async with asyncio.timeout(seconds):
            response = await self._client.send(request, stream=True)
            try:
                _refuse_unusable(response, where)
                return Answer(response.status_code, response.headers, await _bounded_body(response, where))
            finally:
                await response.aclose()

    def _unreachable(self, where: str, reason: str) -> EngineUnreachable:
        return EngineUnreachable(
            f"{where}: {reason}",
            expected="an answer from the engine",
            remedy=f"run `curl -i {self._base}/health`: start the engine or correct its address; a slow engine needs a"
            " longer timeout",
        )


def _headers(address: EngineAddress) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "interlock"}
    return headers | _bearer(address.api_key)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _tls(url: str) -> ssl.SSLContext:
    """The system's trusted authorities for https; for http a context that trusts nobody, which is never used."""
    if url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _refuse_unusable(response: httpx.Response, where: str) -> None:
    if response.has_redirect_location:
        raise EngineMisbehaved(
            f"{where}: the engine sent a redirect, which is not followed because tokens would go along",
            expected="the engine itself at the configured address",
            remedy="set the address that the redirect names, if it is the engine's",
        )
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise EngineMisbehaved(f"{where}: the body is compressed although plain bytes were asked for")


async def _bounded_body(response: httpx.Response, where: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise EngineMisbehaved(
                f"{where}: the answer is longer than {MAX_BODY_BYTES} bytes",
                expected="a short JSON answer",
                remedy="check that the address is the engine's",
            )
    return bytes(body)
