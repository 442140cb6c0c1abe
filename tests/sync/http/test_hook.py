"""The webhook: whoever shows the secret, in the manner of its forge, gives a hint; everybody else is only counted."""

from __future__ import annotations

import hashlib
import hmac

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.sync.http.exchange import Request
from interlock.sync.http.hook import BURST, HOOK_PATH, MAX_BODY_BYTES, SECONDS_PER_HINT, HintGate, Hook
from support.http_site import SECRET, Site

BODY = b'{"ref": "refs/heads/main"}'


def signature(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def push(site: Site, headers: dict[str, str] | list[tuple[str, str]], body: bytes = BODY) -> httpx.Response:
    return site.client.post(HOOK_PATH, content=body, headers=headers)


def counted(site: Site, outcome: str) -> int:
    start = f'interlock_agent_hints_total{{outcome="{outcome}"}} '
    (line,) = [line for line in site.client.get("/metrics").text.splitlines() if line.startswith(start)]
    return int(line.removeprefix(start))


# As the forges document it; the first is the example of GitHub's documentation for this header.
def test_the_example_of_github_s_documentation_is_computed_as_there() -> None:
    expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature(b"Hello, World!", "It's a Secret to Everybody") == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={signature()}"},
        {"X-Gitlab-Token": SECRET},
        {"X-Gitea-Signature": signature()},
        {
            "X-Forgejo-Signature": signature(),
            "X-Gitea-Signature": signature(),
            "X-Hub-Signature-256": f"sha256={signature()}",
        },
    ],
    ids=["github", "gitlab", "gitea", "forgejo"],
)
def test_each_forge_s_way_to_show_the_secret_gives_one_hint(site: Site, headers: dict[str, str]) -> None:
    assert push(site, headers).status_code == 202
    assert len(site.hints) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": signature()},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": f"sha256={signature(secret='another')}"},
        {"X-Hub-Signature-256": f"sha256={signature(b'another body')}"},
        {"X-Hub-Signature": f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}"},
        {"X-Gitea-Signature": ""},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": f"{SECRET}x"},
        {"X-Gitlab-Token": "\xff"},
        {"X-Gitlab-Token": SECRET, "X-Gitea-Signature": signature(secret="another")},
        [("X-Gitlab-Token", SECRET), ("X-Gitlab-Token", SECRET)],
    ],
    ids=range(12),
)
def test_whoever_does_not_show_the_secret_changes_nothing_and_is_counted(site: Site, headers: dict[str, str]) -> None:
    before = counted(site, "refused")
    raw = [(key, value.encode("latin-1")) for key, value in (headers.items() if isinstance(headers, dict) else headers)]
    answer = site.client.post(HOOK_PATH, content=BODY, headers=raw)  # type: ignore[arg-type]
    assert answer.status_code == 403
    assert SECRET not in answer.text
    assert (site.hints, site.later, counted(site, "refused")) == ([], [], before + 1)


def test_a_secret_need_not_be_ascii() -> None:
    hook = Hook("ein-schlüssel", lambda: None, lambda _seconds, _callback: None, lambda: 0.0)
    signed = (("x-gitea-signature", signature(secret="ein-schlüssel")),)
    assert hook(Request("POST", HOOK_PATH, signed, BODY)).status == 202
    assert hook(Request("POST", HOOK_PATH, (("x-gitlab-token", "ein-schlÃ¼ssel"),))).status == 202


def test_a_body_over_the_bound_is_not_read(site: Site) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1)
    assert push(site, {"X-Hub-Signature-256": f"sha256={signature(body)}"}, body).status_code == 413
    assert site.hints == []
    whole = b"x" * MAX_BODY_BYTES
    assert push(site, {"X-Hub-Signature-256": f"sha256={signature(whole)}"}, whole).status_code == 202


def test_hints_that_come_too_fast_become_one_that_comes_later(site: Site) -> None:
    answers = [push(site, {"X-Gitlab-Token": SECRET}).json()["hint"] for _ in range(BURST + 3)]
    assert len(site.hints) == BURST
    assert answers[BURST:] == ["the remote is asked soon: hints come too fast"] * 3
    assert site.later == [SECONDS_PER_HINT]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_whatever_the_times_hints_come_no_faster_than_the_rate_and_none_is_lost(pauses: list[float]) -> None:
    clock = [0.0]
    gate = HintGate(lambda: clock[0])
    given_at: list[float] = []
    for pause in pauses:
        clock[0] += pause
        delay = gate.delay()
        if delay is not None:
            given_at.append(clock[0] + delay)
        assert given_at[-1] >= clock[0] - 1e-9, "after every call at least one hint follows"
    for first, last in zip(given_at, given_at[BURST:], strict=False):
        assert last - first >= SECONDS_PER_HINT - 1e-6
