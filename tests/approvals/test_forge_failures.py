"""What every reader makes of a forge that refuses, fails, lies or is not there: a typed error in time, never a pass."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from itertools import repeat

import pytest

from interlock.approvals.forges.address import ForgeKind
from interlock.cli import exit_codes
from interlock.errors import ForgeError, ForgeMisbehaved, ForgeRefused, ForgeUnreachable
from support.engine_processes import free_port
from support.forges.reading import KINDS, NOW, TOKEN, FakeClock, Reading, forge, simulator
from support.forges.telling import Story, reply
from support.scripted_engine import FOREVER, PAUSE, ReceivedRequest, ScriptedEngine, answer

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

pytestmark = pytest.mark.parametrize("kind", KINDS)


def failing(
    kind: ForgeKind, pieces: Iterable[bytes], *, times: int = 1_000_000, at: int = 0
) -> Callable[[ReceivedRequest], Iterable[bytes]]:
    """A forge whose requests from number `at` on are answered so, this many times, and as it should otherwise."""
    plays = simulator(kind, Story())
    asked: list[str] = []

    def script(request: ReceivedRequest) -> Iterable[bytes]:
        asked.append(request.path)
        return pieces if at <= len(asked) - 1 < at + times else plays(request)

    return script


def error_of(
    kind: ForgeKind, pieces: Iterable[bytes], *, at: int = 0, call_s: float = 10.0
) -> tuple[ForgeError, Reading]:
    with forge(kind, failing(kind, list(pieces), at=at)) as reading, pytest.raises(ForgeError) as caught:
        reading.read(call_s=call_s)
    error = caught.value
    assert exit_codes.of_error(error) == exit_codes.COULD_NOT_EVALUATE
    assert TOKEN not in str(error)
    return error, reading


@pytest.mark.parametrize("at", [0, 1], ids=["the-proposal", "its-reviews"])
@pytest.mark.parametrize("status", [401, 403, 404, 410, 422])
def test_a_refusal_is_told_once_with_its_status_and_what_to_do(kind: ForgeKind, status: int, at: int) -> None:
    error, reading = error_of(kind, reply({"message": f"Bad credentials {TOKEN}"}, status=status), at=at)
    assert isinstance(error, ForgeRefused)
    assert error.status == status
    assert "Bad credentials [token]" in error.found
    assert ("TOKEN" in error.remedy) == (status in (401, 403, 404))
    assert reading.clock.slept == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_forge_that_is_down_is_asked_four_times_and_then_unreachable(kind: ForgeKind, status: int) -> None:
    error, reading = error_of(kind, [answer(b"<html>down</html>", status=status)])
    assert isinstance(error, ForgeUnreachable)
    assert str(status) in error.found
    assert reading.clock.slept == [1.0, 2.0, 4.0]
    assert len(reading.server.requests) == 4


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "pieces",
    [[answer(b"", status=502)], [answer(b"", status=500)], [b""], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]],
    ids=["502", "500", "nothing", "half"],
)
def test_one_failure_is_tried_again(kind: ForgeKind, pieces: list[bytes], at: int) -> None:
    with forge(kind, failing(kind, pieces, times=1, at=at)) as reading:
        assert reading.read().complete
    assert reading.clock.slept == [1.0]


def test_a_rate_limit_is_waited_for_as_long_as_the_forge_says(kind: ForgeKind) -> None:
    pieces = reply({"message": "Too Many Requests"}, status=429, headers={"Retry-After": "17"})
    with forge(kind, failing(kind, pieces, times=1)) as reading:
        assert reading.read().complete
    assert reading.clock.slept == [17.0]


def test_a_rate_limit_that_is_a_date_is_waited_for(kind: ForgeKind) -> None:
    date = "Tue, 25 Nov 2026 09:47:05 GMT"
    pieces = reply({"message": "later"}, status=503, headers={"Retry-After": date})
    clock = FakeClock()
    with forge(kind, failing(kind, pieces, times=1)) as reading:
        reading.clock = clock
        assert reading.read().complete
    assert clock.slept == [25.0]


@pytest.mark.parametrize("header", ["X-RateLimit-Reset", "RateLimit-Reset"])
def test_the_end_of_a_rate_limit_is_waited_for(kind: ForgeKind, header: str) -> None:
    headers = {header: str(int(NOW) + 30), "X-RateLimit-Remaining": "0"}
    pieces = reply({"message": "API rate limit exceeded"}, status=403, headers=headers)
    with forge(kind, failing(kind, pieces, times=1)) as reading:
        assert reading.read().complete
    assert reading.clock.slept == [31.0]


def test_a_rate_limit_that_ends_too_late_is_told_at_once(kind: ForgeKind) -> None:
    error, reading = error_of(kind, reply({"message": "later"}, status=429, headers={"Retry-After": "3000"}))
    assert isinstance(error, ForgeUnreachable)
    assert "asks to wait 3000 s" in error.found
    assert reading.clock.slept == []


def test_waits_are_bounded_all_together(kind: ForgeKind) -> None:
    error, reading = error_of(kind, reply({"message": "later"}, status=429, headers={"Retry-After": "50"}))
    assert isinstance(error, ForgeUnreachable)
    assert reading.clock.slept == [50.0, 50.0]


@pytest.mark.parametrize("value", ["-5", "soon", "1e999", "9" * 400, "٣", "nan", ""])
def test_a_senseless_wait_is_replaced_by_our_own_or_ends_it(kind: ForgeKind, value: str) -> None:
    headers = {"Retry-After": value.encode("utf-8").decode("latin-1")}
    error, reading = error_of(kind, reply({"message": "later"}, status=429, headers=headers))
    assert isinstance(error, ForgeUnreachable)
    assert reading.clock.slept in ([], [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>Sign in</title>",
        b"",
        b"   ",
        b'{"number": 12',
        b"[" * 100_000,
        b'{"number": 12, "number": 13}',
        b'{"number": NaN}',
        b"\xff\xfe",
        b"null",
        b"[]",
        b"12",
        b'{"number": 12}',
        json.dumps({"number": "12", "iid": "12"}).encode(),
    ],
    ids=[
        "html",
        "empty",
        "blank",
        "truncated",
        "deep",
        "key-twice",
        "not-a-number",
        "no-text",
        "null",
        "list",
        "a-number",
        "keys-missing",
        "types-wrong",
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_no_api_of_a_forge_answers_is_misbehaviour(kind: ForgeKind, body: bytes, at: int) -> None:
    if body == b"[]" and at > 0:
        body = b'[{"id": "eighty"}, {"id": null}, 5]'
    error, _ = error_of(kind, [answer(body, headers={"Content-Type": "text/html"})], at=at)
    assert isinstance(error, ForgeMisbehaved)
    assert error.expected


def test_an_answer_about_another_proposal_is_misbehaviour(kind: ForgeKind) -> None:
    plays = simulator(kind, Story())

    def another(request: ReceivedRequest) -> list[bytes]:
        (whole,) = plays(request)
        head, _, body = whole.partition(b"\r\n\r\n")
        return [head, b"\r\n\r\n", body.replace(b": 12,", b": 21,")]

    with forge(kind, another) as reading, pytest.raises(ForgeMisbehaved, match=r"about number 21"):
        reading.read()


def test_a_huge_answer_is_not_read_to_its_end(kind: ForgeKind) -> None:
    endless = [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", *repeat(b" " * (1 << 20), 9), FOREVER]
    error, _ = error_of(kind, endless)
    assert isinstance(error, ForgeMisbehaved)
    assert "longer than" in error.found


def test_a_compressed_answer_is_not_unpacked(kind: ForgeKind) -> None:
    error, _ = error_of(kind, [answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})])
    assert isinstance(error, ForgeMisbehaved)


@pytest.mark.parametrize(
    "pieces",
    [
        [FOREVER],
        [b"HTTP/1.1 200 OK\r\n", FOREVER],
        [piece for letter in "HTTP/1.1 200 OK\r\nX-Long: " + "a" * 300 for piece in (letter.encode(), PAUSE)],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n", *[piece for _ in range(299) for piece in (b" ", PAUSE)]],
        [CHUNKED, *[piece for _ in range(299) for piece in (b"1\r\n \r\n", PAUSE)]],
    ],
    ids=["silence", "half-a-head", "a-dripping-head", "a-dripping-body", "dripping-chunks"],
)
def test_no_forge_holds_a_call_longer_than_its_deadline(kind: ForgeKind, pieces: list[bytes]) -> None:
    started = time.monotonic()
    error, reading = error_of(kind, pieces, call_s=0.15)
    assert isinstance(error, ForgeUnreachable)
    assert "no complete answer within 0.15 s" in error.found
    assert len(reading.server.requests) == 4
    assert time.monotonic() - started < 4.0


def test_many_large_answers_end_together(kind: ForgeKind) -> None:
    with forge(kind, lambda _: [answer(b" " * (7 << 20))]) as reading:
        http = reading.http()
        for _ in range(9):
            http.get("/large")
        with pytest.raises(ForgeMisbehaved, match=r"all together"):
            http.get("/large")


def test_a_whole_command_ends_in_time(kind: ForgeKind) -> None:
    with forge(kind, simulator(kind, Story())) as reading, pytest.raises(ForgeUnreachable, match=r"takes too long"):
        reading.http(all_s=0.0).get("/late")


def test_a_forge_that_is_not_there_is_unreachable(kind: ForgeKind) -> None:
    reading = Reading(kind, ScriptedEngine(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(ForgeUnreachable, match=r"the connection failed"):
        reading.read()
    assert reading.clock.slept == [1.0, 2.0, 4.0]


def test_a_redirect_to_another_host_is_not_followed(kind: ForgeKind) -> None:
    requests: list[ReceivedRequest] = []

    def thief(request: ReceivedRequest) -> list[bytes]:
        requests.append(request)
        return reply({})

    with forge(kind, thief) as other:
        error, _ = error_of(kind, [answer(b"", status=302, headers={"Location": f"{other.server.url}/x"})])
    assert isinstance(error, ForgeMisbehaved)
    assert "token would go along" in error.found
    assert requests == []


@pytest.mark.parametrize("location", ["", "https://[", "//evil.example/x", "file:///etc/passwd", "http://127.0.0.1:1/"])
def test_a_redirect_that_leads_nowhere_is_not_followed(kind: ForgeKind, location: str) -> None:
    error, _ = error_of(kind, [answer(b"", status=301, headers={"Location": location})])
    assert isinstance(error, ForgeMisbehaved)


def test_a_redirect_within_the_forge_is_followed(kind: ForgeKind) -> None:
    plays = simulator(kind, Story())

    def renamed(request: ReceivedRequest) -> list[bytes]:
        if "moved=1" in request.path:
            return plays(request)
        mark = "&" if "?" in request.path else "?"
        return [answer(b"", status=301, headers={"Location": f"{request.path}{mark}moved=1"})]

    with forge(kind, renamed) as reading:
        assert reading.read().complete


def test_redirects_in_a_circle_end(kind: ForgeKind) -> None:
    def circle(request: ReceivedRequest) -> list[bytes]:
        return [answer(b"", status=307, headers={"Location": request.path})]

    with forge(kind, circle) as reading, pytest.raises(ForgeMisbehaved, match=r"redirects"):
        reading.read()


def test_pages_in_a_circle_end(kind: ForgeKind) -> None:
    story = Story()
    for account in range(2001, 2041):
        story.say(account, "approved")
    plays = simulator(kind, story)

    def circle(request: ReceivedRequest) -> list[bytes]:
        (whole,) = plays(ReceivedRequest("GET", request.path.replace("page=2", "page=1"), request.headers, b""))
        head, _, body = whole.partition(b"\r\n\r\n")
        link = b'\r\nLink: <https://h/?page=1&per_page=100>; rel="next"' if body.startswith(b"[") else b""
        return [head + link + b"\r\n\r\n" + body]

    with forge(kind, circle) as reading, pytest.raises(ForgeMisbehaved, match=r"circle|twice"):
        reading.read()


def test_a_list_without_end_is_incomplete(kind: ForgeKind) -> None:
    plays = simulator(kind, Story())

    def endless(request: ReceivedRequest) -> list[bytes]:
        if "reviews" not in request.path and "notes" not in request.path:
            return plays(request)
        page = next((int(part[5:]) for part in request.path.split("?")[1].split("&") if part.startswith("page=")), 1)
        link = {"Link": f'<https://h/?page={page + 1}>; rel="next"'}
        if kind == "gitlab":
            note = {"id": page, "system": False}
            return reply([note], headers=link)
        user = {"id": page, "login": "x", "type": "User"}
        state = "COMMENTED" if kind == "github" else "COMMENT"
        return reply([{"id": page, "user": user, "state": state, "commit_id": None, "dismissed": False}], headers=link)

    with forge(kind, endless) as reading:
        facts = reading.read()
    assert not facts.complete
    assert "more than 50 pages" in facts.why_incomplete
