"""The status of nodes elsewhere, asked over HTTP: many at once, each with a deadline of its own.

Called by `interlock status --url`. What answers is foreign: its size and time are bounded, redirects are not followed,
and everything in it is checked before it is shown.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Sequence

import httpx

from interlock.errors import NodeError
from interlock.sync.sightings import Sighting
from interlock.sync.status import from_document

AT_ONCE = 128
MAX_BYTES = 16 * 1024 * 1024
_ADDRESS = re.compile(r"^https?://[A-Za-z0-9._:\[\]-]{1,300}/?$")


def node_address(text: str) -> str:
    """Accept `http://gpu-7:9187`: scheme, host, port, and no more."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no address of a node: write http://HOST:PORT")
    return text.rstrip("/")


def seen_elsewhere(
    addresses: Sequence[str], *, token: str = "", deadline: float = 5.0, at_once: int = AT_ONCE
) -> list[Sighting]:
    """Ask every address for its status, so many at once; `deadline` is seconds for each. Answers in their order."""
    return asyncio.run(_all(addresses, token, deadline, at_once))


async def _all(addresses: Sequence[str], token: str, deadline: float, at_once: int) -> list[Sighting]:
    places = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=0)
    headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})}
    async with httpx.AsyncClient(limits=limits, timeout=deadline, trust_env=False, headers=headers) as client:

        async def one(address: str) -> Sighting:
            async with places:
                return await _seen(client, address, deadline)

        return await asyncio.gather(*(one(address) for address in addresses))


async def _seen(client: httpx.AsyncClient, address: str, deadline: float) -> Sighting:
    try:
        async with asyncio.timeout(deadline):
            return _sighting(address, await _document(client, address))
    except TimeoutError:
        return Sighting(address, error=NodeError(f"{address} does not answer within {deadline:g} s"))
    except httpx.HTTPError as error:
        return Sighting(address, error=NodeError(f"{address} does not answer: {error or type(error).__name__}"))
    except (ValueError, RecursionError) as error:
        return Sighting(address, error=NodeError(f"{address} gives no status: {error}"))
    except NodeError as error:
        return Sighting(address, error=error)


async def _document(client: httpx.AsyncClient, address: str) -> object:
    async with client.stream("GET", f"{address}/status") as answer:
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MAX_BYTES:
                raise ValueError(f"its answer is larger than {MAX_BYTES} bytes")
    if answer.status_code in (401, 403):
        remedy = "give its token with --token-file, or in INTERLOCK_STATUS_TOKEN"
        raise NodeError(f"{address} asks for a token", remedy=remedy)
    if answer.status_code != 200:
        raise ValueError(f"HTTP {answer.status_code}")
    return json.loads(body)


def _sighting(address: str, document: object) -> Sighting:
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    age, stale = document.pop("age_seconds", 0.0), document.pop("stale", False)
    if isinstance(age, bool) or not isinstance(age, int | float) or not math.isfinite(age) or not 0 <= age < 1e12:
        raise ValueError("age_seconds is no time")
    return Sighting(address, from_document(document), float(age), "THE AGENT HANGS" if stale else "")
