from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import UsageError
from interlock.routing.settings import DEFAULT_MAX_BODY_BYTES, AgentAddress, RoutingSettings


def test_nothing_set_means_no_table_and_nobody_may_administer() -> None:
    settings = RoutingSettings.from_environment({})
    assert settings == RoutingSettings(None, b"", DEFAULT_MAX_BODY_BYTES, frozenset())
    assert not settings.is_agent(b"")


def test_every_variable_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    settings = RoutingSettings.from_environment(
        {
            "INTERLOCK_ROUTES": "/run/interlock/routes.json",
            "INTERLOCK_ADMIN_TOKEN_FILE": str(tmp_path / "token"),
            "INTERLOCK_MAX_BODY_BYTES": "1024",
            "INTERLOCK_OPEN_PATHS": "/a, /b,",
        }
    )
    assert settings.routes == Path("/run/interlock/routes.json")
    assert settings.max_body_bytes == 1024
    assert settings.opened == {"/a", "/b"}
    assert settings.is_agent(b"secret")
    assert not settings.is_agent(b"secret ")
    assert not settings.is_agent(b"Secret")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    "environment",
    [
        {"INTERLOCK_ADMIN_TOKEN": "a", "INTERLOCK_ADMIN_TOKEN_FILE": "/b"},
        {"INTERLOCK_ADMIN_TOKEN_FILE": "/does/not/exist"},
        {"INTERLOCK_ADMIN_TOKEN_FILE": "/dev/null"},
        {"INTERLOCK_ADMIN_TOKEN_FILE": "/dev/zero"},
        {"INTERLOCK_MAX_BODY_BYTES": "0"},
        {"INTERLOCK_MAX_BODY_BYTES": "-1"},
        {"INTERLOCK_MAX_BODY_BYTES": "32MiB"},
        {"INTERLOCK_MAX_BODY_BYTES": "9" * 20},
        {"INTERLOCK_OPEN_PATHS": "v1/extra"},
        {"INTERLOCK_AGENT": "127.0.0.1:9187"},
        {"INTERLOCK_AGENT": "https://127.0.0.1:9187"},
        {"INTERLOCK_AGENT": "http://127.0.0.1"},
        {"INTERLOCK_AGENT": "http://127.0.0.1:0"},
        {"INTERLOCK_AGENT": "http://127.0.0.1:70000"},
        {"INTERLOCK_AGENT": "http://user:secret@127.0.0.1:9187"},
        {"INTERLOCK_HOLD_SECONDS": "0"},
        {"INTERLOCK_HOLD_REQUESTS": "many"},
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        RoutingSettings.from_environment(environment)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("http://127.0.0.1:9187", "127.0.0.1", 9187),
        ("http://agent:80/", "agent", 80),
        ("http://[::1]:9187", "::1", 9187),
    ],
)
def test_the_agent_is_asked_where_it_listens_if_there_is_a_token(text: str, host: str, port: int) -> None:
    settings = RoutingSettings.from_environment({"INTERLOCK_AGENT": text, "INTERLOCK_ADMIN_TOKEN": "secret"})
    assert settings.agent == AgentAddress(host, port)
    assert settings.agent is not None
    assert settings.agent.authority == text.removeprefix("http://").rstrip("/")
    assert settings.asks_agent
    assert not RoutingSettings.from_environment({"INTERLOCK_AGENT": text}).asks_agent
