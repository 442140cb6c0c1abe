"""The middleware called as a server calls it: framing, refusals, what the engine gets to see."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from interlock.routing.administration import INFERENCE_PATHS
from interlock.routing.middleware import RoutingMiddleware
from interlock.routing.settings import RoutingSettings
from interlock.routing.table import Canary, RouteTable
from interlock.routing.writer import write_table
from support.asgi_engine import Answer, TinyEngine, call
from support.route_tables import NEW, OLD, SQL, route_table

TOKEN = "the-agent"
AGENT = (("content-type", "application/json"), ("X-Interlock-Token", TOKEN))


class Routed:
    """An engine behind the middleware, with a table on disk."""

    def __init__(self, directory: Path, table: RouteTable | None, **settings: Any) -> None:
        self.path = directory / "routes.json"
        if table is not None:
            write_table(self.path, table)
        self.engine = TinyEngine()
        self.app = RoutingMiddleware(
            self.engine, RoutingSettings(**{"routes": self.path, "token": TOKEN.encode(), **settings})
        )

    def post(self, document: object, path: str = "/v1/completions", **rest: Any) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return call(self.app, path, body, **rest)


@pytest.fixture
def routed(tmp_path: Path) -> Routed:
    return Routed(tmp_path, route_table())


# --- resolution


def test_an_alias_reaches_the_engine_as_its_revision_and_the_answer_says_so(routed: Routed) -> None:
    answer = routed.post({"model": "support-bot", "prompt": "hi"})
    assert json.loads(answer.body) == {"model": OLD, "prompt": "hi"}
    assert answer.headers["x-interlock-revision"] == OLD
    assert answer.headers["x-interlock-alias"] == "support-bot"
    assert answer.headers["x-engine"] == "tiny"


def test_a_revision_asked_by_its_served_name_is_stamped_without_alias(routed: Routed) -> None:
    answer = routed.post({"model": SQL})
    assert answer.headers["x-interlock-revision"] == SQL
    assert "x-interlock-alias" not in answer.headers


@pytest.mark.parametrize("document", [{"model": "tiny"}, {"model": None}, {}, []])
def test_the_base_answers_without_a_stamp(routed: Routed, document: object) -> None:
    answer = routed.post(document)
    assert json.loads(answer.body) == document
    assert "x-interlock-revision" not in answer.headers


@pytest.mark.parametrize("path", sorted(INFERENCE_PATHS))
def test_every_inference_path_is_routed(routed: Routed, path: str) -> None:
    routed.post({"model": "support-bot"}, path)
    assert routed.engine.seen[-1].model == OLD
    assert routed.post({"model": "../x"}, path).status == 404


@pytest.mark.parametrize("model", ["../x", "/etc", "gpt-4", "", "support-bot@3-0123456789ab", "Tiny"])
def test_an_unknown_model_is_answered_as_the_openai_api_does_and_never_reaches_the_engine(
    routed: Routed, model: str
) -> None:
    answer = routed.post({"model": model})
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert {key: answer.error[key] for key in ("type", "param", "code")} == {
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }
    assert not routed.engine.seen


def test_a_refusal_names_no_adapter_that_was_not_asked_for(routed: Routed) -> None:
    assert b"support-bot" not in routed.post({"model": "gpt-4"}).body


def test_the_agent_may_probe_a_revision_before_it_has_a_route(routed: Routed) -> None:
    name = "support-bot@3-0123456789ab"
    assert routed.post({"model": name}, headers=AGENT).status == 200
    assert routed.engine.seen[-1].model == name
    assert routed.post({"model": "../x"}, headers=AGENT).status == 404


def test_before_the_first_table_names_pass_and_paths_do_not(tmp_path: Path) -> None:
    routed = Routed(tmp_path, None)
    assert routed.post({"model": "anything"}).status == 200
    assert routed.post({"model": "../x"}).status == 404


def test_a_new_table_counts_from_the_next_request_in_every_process(tmp_path: Path) -> None:
    first, second = Routed(tmp_path, route_table(OLD)), Routed(tmp_path, route_table(OLD))
    for active in (NEW, OLD, NEW):
        write_table(first.path, route_table(active))
        for routed in (first, second):
            assert routed.post({"model": "support-bot"}).headers["x-interlock-revision"] == active


def test_a_broken_table_changes_nothing_but_the_probe(routed: Routed) -> None:
    assert routed.post({"model": "support-bot"}).status == 200
    routed.path.write_bytes(b"{")
    assert routed.post({"model": "support-bot"}).headers["x-interlock-revision"] == OLD
    assert probe(routed)["error"]


def test_a_canary_tenant_comes_from_its_header(tmp_path: Path) -> None:
    routed = Routed(tmp_path, route_table(OLD, Canary(NEW, 0, frozenset({"acme"}))))
    headers = [("X-Interlock-Tenant", "acme")]
    assert routed.post({"model": "support-bot"}, headers=headers).headers["x-interlock-revision"] == NEW
    assert routed.post({"model": "support-bot"}).headers["x-interlock-revision"] == OLD


def test_two_tenant_headers_are_refused(routed: Routed) -> None:
    headers = [("X-Interlock-Tenant", "acme"), ("x-interlock-tenant", "other")]
    assert routed.post({"model": "support-bot"}, headers=headers).status == 400


def test_a_weighted_canary_sticks_to_user_and_conversation(tmp_path: Path) -> None:
    routed = Routed(tmp_path, route_table(OLD, Canary(NEW, 50)))

    def revision(**document: object) -> str:
        return routed.post({"model": "support-bot", **document}).headers["x-interlock-revision"]

    for number in range(30):
        assert len({revision(user=f"u{number}", prompt=str(turn)) for turn in range(3)}) == 1
        opening = [{"role": "user", "content": f"question {number}"}]
        later = [*opening, {"role": "assistant", "content": "answer"}, {"role": "user", "content": "again"}]
        assert revision(messages=opening) == revision(messages=later)
    assert {revision(prompt=str(number)) for number in range(60)} == {OLD, NEW}


# --- framing


def test_the_length_is_that_of_the_new_body_and_chunked_framing_goes(routed: Routed) -> None:
    headers = [("content-type", "application/json"), ("transfer-encoding", "chunked"), ("x-other", "kept")]
    routed.post({"model": "support-bot"}, headers=headers)
    seen = routed.engine.seen[-1]
    assert seen.headers["content-length"] == str(len(seen.body))
    assert "transfer-encoding" not in seen.headers
    assert seen.headers["x-other"] == "kept"


def test_a_body_in_many_chunks_is_one_body(routed: Routed) -> None:
    body = json.dumps({"model": "support-bot", "prompt": "é"}, ensure_ascii=False).encode()
    call(routed.app, "/v1/completions", [body[i : i + 1] for i in range(len(body))])
    assert json.loads(routed.engine.seen[-1].body) == {"model": OLD, "prompt": "é"}


def test_a_stream_passes_chunk_by_chunk_with_the_stamp_on_its_start(routed: Routed) -> None:
    answer = routed.post({"model": "support-bot", "stream": True})
    bodies = [message["body"] for message in answer.messages[1:]]
    assert bodies == [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n", b""]
    assert answer.headers["x-interlock-revision"] == OLD


def test_the_engine_cannot_see_or_fake_our_marks(tmp_path: Path) -> None:
    async def engine(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"X-Interlock-Revision", b"fake"), (b"x-interlock-alias", b"fake")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    write_table(tmp_path / "routes.json", route_table())
    app = RoutingMiddleware(engine, RoutingSettings(routes=tmp_path / "routes.json"))
    answer = call(app, "/v1/completions", json.dumps({"model": "support-bot"}).encode())
    names = [name.lower() for name, _ in answer.messages[0]["headers"]]
    assert sorted(names) == [b"x-interlock-alias", b"x-interlock-revision"]
    assert answer.headers["x-interlock-revision"] == OLD


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused(tmp_path: Path, declared: bool) -> None:
    routed = Routed(tmp_path, route_table(), max_body_bytes=100)
    body = json.dumps({"model": "support-bot", "prompt": "x" * 100}).encode()
    headers = [("content-length", str(len(body)))] if declared else []
    answer = call(routed.app, "/v1/completions", [body[:60], body[60:]], headers=headers)
    assert answer.status == 413
    assert "INTERLOCK_MAX_BODY_BYTES" in answer.error["message"]
    assert not routed.engine.seen


def test_a_client_that_leaves_while_sending_costs_the_engine_nothing(routed: Routed) -> None:
    async def leave() -> list[Any]:
        messages: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": b'{"mod', "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Any] = []

        async def receive() -> MutableMapping[str, Any]:
            return messages.pop(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": []}
        await routed.app(scope, receive, send)
        return sent

    assert asyncio.run(leave()) == []
    assert not routed.engine.seen


def test_a_disconnect_after_the_body_reaches_the_engine(routed: Routed) -> None:
    routed.post({"model": "support-bot", "hang": True})
    assert routed.engine.disconnected.is_set()


# --- bodies that could be read in two ways


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"tiny","model":"../x"}',
        b'{"mod\\u0065l":"../x","model":"tiny"}',
        '{"model":"../x"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"model":"../x"}',
        b'{"model":"tiny","n":NaN}',
        b"model=../x",
    ],
)
def test_an_ambiguous_body_never_reaches_the_engine(routed: Routed, body: bytes) -> None:
    for content_type in ("application/json", "text/plain", "application/octet-stream"):
        assert routed.post(body, headers=[("content-type", content_type)]).status == 400
    assert not routed.engine.seen


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(routed: Routed, encoding: str) -> None:
    assert routed.post(b"{}", headers=[("content-encoding", encoding)]).status == 400


def test_two_content_types_are_refused(routed: Routed) -> None:
    headers = [("content-type", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
    assert routed.post({"x": "&model=../x&"}, headers=headers).status == 400


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"]
)
def test_a_url_encoded_form_is_refused_even_when_it_is_also_json(routed: Routed, content_type: str) -> None:
    assert routed.post({"x": "&model=../x&"}, headers=[("content-type", content_type)]).status == 400
    assert not routed.engine.seen


def test_an_audio_form_is_routed_like_json(routed: Routed) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--B--\r\n'
    )
    headers = [("content-type", "multipart/form-data; boundary=B")]
    answer = routed.post(body % b"support-bot", "/v1/audio/transcriptions", headers=headers)
    assert routed.engine.seen[-1].body == body % OLD.encode()
    assert answer.headers["x-interlock-revision"] == OLD
    assert routed.post(body % b"../x", "/v1/audio/transcriptions", headers=headers).status == 404


@pytest.mark.parametrize("header", ["X-Amzn-SageMaker-Adapter-Identifier", "x-amzn-sagemaker-adapter-alias"])
def test_an_adapter_chosen_in_a_header_is_refused(routed: Routed, header: str) -> None:
    for path in ("/v1/completions", "/invocations", "/ping"):
        assert routed.post({"model": "tiny"}, path, headers=[(header, "../x")]).status in (400, 403)
    assert not routed.engine.seen


# --- administration


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/v1/load_lora_adapter", "/adapters", "/adapters/x", "//ADAPTERS/", "/invocations", "/collective_rpc", "/sleep"],
)
def test_administration_is_refused_to_clients_and_open_to_the_agent(routed: Routed, path: str, method: str) -> None:
    for headers in ([], [("X-Interlock-Token", "wrong")], [("X-Interlock-Token", "")]):
        answer = call(routed.app, path, b'{"lora_name":"x"}', method=method, headers=headers)
        assert answer.status == 403
        assert answer.error["type"] == "PermissionDenied"
    assert not routed.engine.seen
    assert call(routed.app, path, b'{"lora_name":"x"}', method=method, headers=AGENT).status == 200
    assert routed.engine.seen[-1].body == b'{"lora_name":"x"}'


@pytest.mark.parametrize("presented", ["", TOKEN, "anything"])
def test_without_a_configured_token_nobody_administers(tmp_path: Path, presented: str) -> None:
    routed = Routed(tmp_path, route_table(), token=b"")
    answer = routed.post({}, "/v1/load_lora_adapter", headers=[("X-Interlock-Token", presented)])
    assert answer.status == 403
    assert "INTERLOCK_ADMIN_TOKEN" in answer.error["message"]


def test_two_tokens_are_refused(routed: Routed) -> None:
    headers = [("X-Interlock-Token", "wrong"), ("X-Interlock-Token", TOKEN)]
    assert routed.post({}, "/adapters", headers=headers).status == 400


def test_the_token_never_reaches_the_engine(routed: Routed) -> None:
    for path, method in (("/adapters", "POST"), ("/v1/completions", "POST"), ("/v1/models", "GET")):
        call(routed.app, path, b"{}", method=method, headers=[*AGENT, ("authorization", "Bearer key")])
        assert "x-interlock-token" not in routed.engine.seen[-1].headers
        assert routed.engine.seen[-1].headers["authorization"] == "Bearer key"
    call(routed.app, "/v1/models", method="GET", headers=[("X-Interlock-Token", "wrong")])
    assert "x-interlock-token" not in routed.engine.seen[-1].headers


def test_a_prefix_that_the_engine_strips_hides_nothing(routed: Routed) -> None:
    for path in ("/api/adapters", "/adapters", "/api/v1/load_lora_adapter"):
        assert call(routed.app, path, b"{}", root_path="/api").status == 403
    call(routed.app, "/api/v1/completions", b'{"model":"support-bot"}', root_path="/api")
    assert routed.engine.seen[-1].model == OLD
    call(routed.app, "/apiary/v1/completions", b'{"model":"support-bot"}', root_path="/api")
    assert len(routed.engine.seen) == 1


@pytest.mark.parametrize("path", ["/v1/new_way_to_administer", "/", "/v1/completions/", "/interlock/routing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_change_on_a_path_that_nobody_knows_is_refused(routed: Routed, path: str, method: str) -> None:
    answer = call(routed.app, path, b'{"model":"../x"}', method=method)
    assert answer.status == 403
    assert "INTERLOCK_OPEN_PATHS" in answer.error["message"]
    assert not routed.engine.seen


def test_a_path_that_the_operator_opened_is_routed_too(tmp_path: Path) -> None:
    routed = Routed(tmp_path, route_table(), opened=frozenset({"/v1/extra"}))
    assert routed.post({"model": "support-bot"}, "/v1/extra").headers["x-interlock-revision"] == OLD
    assert routed.post({"model": "../x"}, "/v1/extra").status == 404


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/metrics", "/version", "/v1/responses/resp_1"])
def test_what_only_reads_passes_untouched(routed: Routed, path: str) -> None:
    answer = call(routed.app, path, method="GET", headers=[("x-any", "1")])
    assert answer.status == 200
    assert routed.engine.seen[-1].headers == {"x-any": "1"}


# --- the probe


def probe(routed: Routed, **rest: Any) -> dict[str, Any]:
    answer = call(routed.app, "/interlock/routing", method="GET", **rest)
    assert answer.status == 200
    assert answer.headers["x-interlock-routing"] == "1"
    document: dict[str, Any] = json.loads(answer.body)
    return document


def test_the_probe_says_which_table_serves(routed: Routed) -> None:
    expected = {"routing": "interlock", "version": 1, "table": route_table().digest, "error": ""}
    assert probe(routed) == expected
    assert probe(routed, root_path="/api") == expected
    write_table(routed.path, route_table(NEW))
    assert probe(routed)["table"] == route_table(NEW).digest
    assert not routed.engine.seen


def test_the_probe_tells_strangers_no_names_and_the_agent_the_reason(routed: Routed) -> None:
    probe(routed)
    routed.path.write_bytes(route_table().to_json().replace(b'"active": "support-bot@1', b'"active": "support-bot@9'))
    public, full = probe(routed), probe(routed, headers=AGENT)
    assert public["table"] == full["table"] == route_table().digest
    assert "support-bot" not in public["error"]
    assert str(routed.path) not in public["error"]
    assert "support-bot@9" in full["error"]


def test_without_a_table_the_probe_still_proves_that_routing_is_live(tmp_path: Path) -> None:
    document = probe(Routed(tmp_path, None))
    assert document["table"] == ""
    assert document["error"]


# --- other kinds of connection


def test_a_websocket_passes_without_the_token_and_not_to_administration(routed: Routed) -> None:
    answer = call(routed.app, "/v1/realtime", kind="websocket", headers=[("X-Interlock-Token", "x")])
    assert answer.messages == [{"type": "websocket.accept"}]
    assert "x-interlock-token" not in routed.engine.seen[-1].headers
    refused = call(routed.app, "//Adapters", kind="websocket")
    assert [message["type"] for message in refused.messages] == ["websocket.close"]
    assert call(routed.app, "/adapters", kind="websocket", headers=AGENT).messages[0]["type"] == "websocket.accept"


def test_passing_a_request_through_costs_microseconds(routed: Routed) -> None:
    async def engine(scope: Any, receive: Any, send: Any) -> None:
        return None

    app = RoutingMiddleware(engine, RoutingSettings(routes=routed.path))
    body = json.dumps({"model": "support-bot", "prompt": "x" * 5000}).encode()
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": [(b"host", b"x")] * 8}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        return None

    async def measure() -> float:
        times = []
        for _ in range(500):
            begin = time.perf_counter()
            await app(scope, receive, send)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    # About 40 µs on two slow cores; the bound only catches a read of the file or a copy too many.
    assert asyncio.run(measure()) < 0.0005
