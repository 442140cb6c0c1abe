"""Stands between an agent and a real engine, and lies in one of the ways that engines are known for.

with lying_engine(engine.url, lie="answers as the base", about="bot@2-…", base="tiny") as liar:
    liar.honest = False
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import httpx

from support.scripted_engine import ReceivedRequest, answer, scripted_engine

Lie = Literal["answers as the base", "loads nothing", "loads something else"]
_KEPT = ("content-type", "x-interlock-routing", "x-interlock-revision")


@dataclass
class Liar:
    """Where it answers, and whether it tells the truth for now."""

    url: str = ""
    honest: bool = True


@contextmanager
def lying_engine(engine: str, *, lie: Lie, about: str, base: str) -> Iterator[Liar]:
    """Pass everything on to `engine`, but for what concerns the adapter that the lie is about."""
    liar = Liar()
    with httpx.Client(base_url=engine, trust_env=False, timeout=20.0) as client:

        def script(request: ReceivedRequest) -> Iterable[bytes]:
            body = request.body if liar.honest else _changed(request, lie, about, base)
            if body is None:
                return [answer(b"Success: adapter loaded", headers={"Content-Type": "text/plain"})]
            headers = {
                name: value for name, value in request.headers.items() if name.startswith(("x-", "content-type"))
            }
            got = client.request(request.method, request.path, content=body, headers=headers)
            kept = {name: value for name, value in got.headers.items() if name in _KEPT}
            return [answer(got.content, status=got.status_code, headers=kept)]

        with scripted_engine(script) as scripted:
            liar.url = scripted.url
            yield liar


def _changed(request: ReceivedRequest, lie: Lie, about: str, base: str) -> bytes | None:
    """The body to pass on; None for a request that is answered and not passed on."""
    if about.encode() not in request.body:
        return request.body
    loads = request.path == "/v1/load_lora_adapter"
    if lie == "loads nothing" and loads:
        return None
    if lie == "loads something else" and loads:
        return json.dumps(json.loads(request.body) | {"lora_name": "something-else"}).encode()
    if lie == "answers as the base" and request.path == "/v1/completions":
        return json.dumps(json.loads(request.body) | {"model": base}).encode()
    return request.body
