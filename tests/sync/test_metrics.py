"""The status as metrics: every condition three times, one of them true, and nothing that breaks a line."""

from __future__ import annotations

from interlock.sync.metrics import to_metrics
from interlock.sync.status import Commits, Condition, Status


def status(*conditions: Condition, node: str = "node-1", last_poll: float | None = None) -> Status:
    return Status(node, "production", Commits(None, None, None), conditions, (), "", last_poll, ())


def test_a_condition_is_one_of_three_things() -> None:
    lines = to_metrics(status(Condition("Trust", "False", "Unverified", "said"))).splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith("interlock_node_condition{")]
    assert [(name.partition('status="')[2].partition('"')[0], value) for name, _, value in found] == [
        ("true", "0"),
        ("false", "1"),
        ("unknown", "0"),
    ]
    reason = (
        'interlock_node_condition_reason{node="node-1",environment="production",type="Trust",reason="Unverified"} 1'
    )
    assert reason in lines


def test_names_are_escaped() -> None:
    text = to_metrics(status(Condition("Ready", "True", 'a"b\\c\nd', ""), node="n"))
    assert 'reason="a\\"b\\\\c\\nd"' in text


def test_the_last_poll_is_told_once_there_was_one() -> None:
    assert "last_poll" not in to_metrics(status())
    line = 'interlock_node_last_poll_timestamp_seconds{node="node-1",environment="production"} 12.500'
    assert line in to_metrics(status(last_poll=12.5)).splitlines()
