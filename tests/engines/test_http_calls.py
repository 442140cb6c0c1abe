"""What the drivers make of engines that hang, drip, lie, flood or send the tokens elsewhere: a typed error, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import pytest

from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from interlock.errors import EngineError, EngineMisbehaved, EngineRefused, EngineUnreachable, UsageError
from support.engine_processes import free_port
from support.scripted_engine import (
    FOREVER,
    PAUSE,
    ReceivedRequest,
    Script,
    ScriptedEngine,
    answer,
    json_answer,
    scripted_engine,
)

KEY = "the-engines-key"
TOKEN = "the-agents-token"
TIMEOUT_S = 0.5
MARK = {"X-Interlock-Routing": "1"}
NAME = "support-bot@1-0123456789ab"
MODELS = {"data": [{"id": "tiny", "root": "/base", "parent": None}, {"id": NAME, "root": "/store/1", "parent": "tiny"}]}


@contextmanager
def driving(url: str, *, timeout_s: float = TIMEOUT_S) -> Iterator[EngineDriver]:
    """A vLLM driver with both secrets."""
    driver = open_engine("vllm", EngineAddress(url, KEY, TOKEN, timeout_s, timeout_s))
    try:
        yield driver
    finally:
        driver.close()


@contextmanager
def scripted(script: Script, *, timeout_s: float = TIMEOUT_S) -> Iterator[tuple[ScriptedEngine, EngineDriver]]:
    """A scripted engine and a driver for it."""
    with scripted_engine(script) as engine, driving(engine.url, timeout_s=timeout_s) as driver:
        yield engine, driver


def always(*pieces: bytes) -> Callable[[ReceivedRequest], Iterable[bytes]]:
    """The script that answers everything with these pieces."""
    return lambda _: pieces


def test_an_engine_that_is_down_is_reported_with_a_command_to_try() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with driving(url) as driver, pytest.raises(EngineUnreachable) as error:
        driver.identity()
    assert f"GET {url}/version" in error.value.found
    assert f"curl -i {url}/health" in error.value.remedy


@pytest.mark.parametrize(
    "pieces",
    [
        [FOREVER],
        [b"HTTP/1.1 200 OK\r\n", *repeat(PAUSE, 3), FOREVER],
        [piece for letter in "HTTP/1.1 200 OK\r\nX-Long: " + "a" * 1000 for piece in (letter.encode(), PAUSE)],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[piece for _ in range(999) for piece in (b" ", PAUSE)]],
    ],
    ids=["silence", "half-a-head", "a-dripping-head", "a-dripping-body"],
)
def test_no_engine_holds_the_agent_longer_than_the_timeout(pieces: list[bytes]) -> None:
    with scripted(always(*pieces)) as (_, driver):
        started = time.monotonic()
        with pytest.raises(EngineUnreachable, match=r"no complete answer within 0\.5 s"):
            driver.adapters()
        assert time.monotonic() - started < TIMEOUT_S + 1.5


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"],
        [b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 200_000],
    ],
    ids=["closed", "another-protocol", "cut-off", "endless-head"],
)
def test_an_answer_that_is_no_http_counts_as_none(pieces: list[bytes]) -> None:
    with scripted(always(*pieces), timeout_s=5.0) as (_, driver), pytest.raises(EngineUnreachable):
        driver.adapters()


def test_a_flood_is_cut_off() -> None:
    def flood(_: ReceivedRequest) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        yield from repeat(b" " * 65536)

    longer = "longer than 4194304 bytes"
    with scripted(flood, timeout_s=10.0) as (_, driver), pytest.raises(EngineMisbehaved, match=longer):
        driver.adapters()


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (answer(b"<html>It works!</html>"), "Invalid JSON"),
        (answer(b"[" * 100_000), "Invalid JSON"),
        (json_answer([]), "object"),
        (json_answer({"data": [{"id": 7}]}), r"data\.0\.id"),
        (answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "compressed"),
        (answer(b"", status=302, headers={"Location": "http://127.0.0.1:9/"}), "redirect"),
        (answer(b"", status=304), "HTTP 304"),
        (answer(b"Internal Server Error", status=500), "HTTP 500 without a reason"),
        (json_answer({"error": None}, status=400), "HTTP 400 without a reason"),
    ],
)
def test_an_answer_that_breaks_the_interface_is_called_that(reply: bytes, found: str) -> None:
    with scripted(always(reply)) as (_, driver), pytest.raises(EngineMisbehaved, match=found):
        driver.adapters()


def test_the_engines_reason_is_shown_on_one_bounded_line_without_control_characters() -> None:
    reason = "rank\r\n::error::\x1b[31m" + "x" * 5000
    reply = json_answer({"error": {"message": reason}}, status=500)
    with scripted(always(reply)) as (_, driver), pytest.raises(EngineRefused) as error:
        driver.adapters()
    assert error.value.status == 500
    assert "rank ::error:: [31mxxx" in error.value.found
    assert len(error.value.found) < 700
    assert error.value.found.isprintable()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_engine_that_is_not_ready_counts_as_unreachable(status: int) -> None:
    reply = answer(b"", status=status)
    with scripted(always(reply)) as (_, driver), pytest.raises(EngineUnreachable, match="not ready"):
        driver.load(NAME, "/store/1")


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([], "does not list it"),
        ([{"id": NAME, "root": "/store/old", "parent": "tiny"}], "lists it with root /store/old"),
        ([{"id": NAME, "root": "/store/1", "parent": None}], "does not list it"),
    ],
)
def test_a_load_counts_only_once_the_engine_lists_name_and_directory(listed: list[dict[str, Any]], found: str) -> None:
    def script(request: ReceivedRequest) -> Iterable[bytes]:
        return [json_answer({"data": listed}) if request.method == "GET" else answer(b"Success")]

    with scripted(script) as (_, driver), pytest.raises(EngineMisbehaved, match=found):
        driver.load(NAME, "/store/1")


def test_an_engine_that_forgets_to_unload_is_not_believed() -> None:
    def script(request: ReceivedRequest) -> Iterable[bytes]:
        gone = {"error": {"message": "cannot be found"}}
        return [json_answer(MODELS) if request.method == "GET" else json_answer(gone, status=404)]

    with scripted(script) as (_, driver), pytest.raises(EngineRefused, match="which is loaded"):
        driver.unload(NAME)


def test_the_agents_token_goes_along_only_where_it_is_needed() -> None:
    def script(request: ReceivedRequest) -> Iterable[bytes]:
        if request.path == "/v1/models":
            return [json_answer(MODELS)]
        if request.path == "/tokenize":
            return [json_answer({"tokens": [1, 2]})]
        return [answer(b"Success")]

    with scripted(script) as (engine, driver):
        driver.load(NAME, "/store/1")
        driver.tokenize_text("x")
        driver.adapters()
        driver.unload(NAME)
    sent = {(request.path, request.headers.get("x-interlock-token")) for request in engine.requests}
    assert sent == {
        ("/v1/load_lora_adapter", TOKEN),
        ("/v1/unload_lora_adapter", TOKEN),
        ("/v1/models", None),
        ("/tokenize", None),
    }
    assert {request.headers["authorization"] for request in engine.requests} == {f"Bearer {KEY}"}


def test_a_load_never_asks_vllm_to_replace_weights_in_place() -> None:
    def script(request: ReceivedRequest) -> Iterable[bytes]:
        return [json_answer(MODELS) if request.method == "GET" else answer(b"Success")]

    with scripted(script) as (engine, driver):
        driver.load(NAME, "/store/1")
    body = json.loads(engine.requests[0].body)
    assert body == {"lora_name": NAME, "lora_path": "/store/1", "load_inplace": False}


def test_a_proxy_in_the_environment_never_sees_the_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_engine(always(json_answer({"data": []}))) as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        with scripted(always(json_answer(MODELS))) as (_, driver):
            assert driver.adapters() == {NAME: "/store/1"}
        assert proxy.requests == []


@pytest.mark.parametrize("reply", [answer(b"", status=500), json_answer({"error": "Unauthorized"}, status=401), b""])
def test_no_error_repeats_a_secret(reply: bytes) -> None:
    with scripted(always(reply)) as (_, driver), pytest.raises(EngineError) as error:
        driver.complete(NAME, "a prompt that nobody else should read", max_tokens=1)
    for secret in (KEY, TOKEN, "a prompt"):
        assert secret not in str(error.value)


@pytest.mark.parametrize(
    ("reply", "live"),
    [
        (answer(b"", status=404), False),
        (json_answer({"detail": "Method Not Allowed"}, status=405), False),
        (
            json_answer({"routing": "interlock", "version": 1, "table": "ab"}, headers={"X-Interlock-Routing": "1"}),
            True,
        ),
    ],
)
def test_routing_is_live_only_when_the_middleware_itself_answers(reply: bytes, live: bool) -> None:
    with scripted(always(reply)) as (_, driver):
        probe = driver.routing()
    assert (probe.live, probe.table_digest) == (live, "ab" if live else "")


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<html>"),
        json_answer({"routing": "interlock", "version": 1}),
        json_answer({"routing": "interlock", "version": 2}, headers=MARK),
    ],
)
def test_something_else_that_answers_the_probe_is_not_taken_for_the_middleware(reply: bytes) -> None:
    with scripted(always(reply)) as (_, driver), pytest.raises(EngineMisbehaved):
        driver.routing()


def test_an_engine_without_a_base_is_no_engine() -> None:
    def script(request: ReceivedRequest) -> Iterable[bytes]:
        return [json_answer({"version": "0.32.0"} if request.path == "/version" else {"data": []})]

    with scripted(script) as (_, driver), pytest.raises(EngineMisbehaved, match="lists no base"):
        driver.identity()


def test_a_driver_goes_on_after_an_error() -> None:
    replies = iter([b"", json_answer(MODELS)])
    with scripted(lambda _: [next(replies)]) as (_, driver):
        with pytest.raises(EngineUnreachable):
            driver.adapters()
        assert driver.adapters() == {NAME: "/store/1"}


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://127.0.0.1:8000/?x=1",
        "http://127.0.0.1:8000/#x",
        "",
    ],
)
def test_an_address_that_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        EngineAddress(url)


def test_an_address_holds_no_secret_and_shows_none() -> None:
    with pytest.raises(UsageError) as error:
        EngineAddress("http://user:pa55word@127.0.0.1:8000")
    assert "pa55word" not in str(error.value)
    assert KEY not in repr(EngineAddress("http://127.0.0.1:8000", KEY, TOKEN))
    with pytest.raises(UsageError) as error:
        EngineAddress("http://127.0.0.1:8000", "key-with-a-line-end\n")
    assert "key-with" not in str(error.value)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_timeout_is_positive(seconds: float) -> None:
    with pytest.raises(UsageError, match="time to wait"):
        EngineAddress("http://127.0.0.1:8000", timeout_s=seconds)
