"""The status as metrics: every condition three times, one of them true, and nothing that breaks a line."""

from __future__ import annotations

from interlock.sync.metrics import to_live_metrics, to_metrics
from interlock.sync.status import AliasStatus, Change, Commits, Condition, Status, StoreState, Wait


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


GOLDEN = """\
# HELP interlock_node_condition What the agent says of itself; see docs/node.md for types and reasons.
# TYPE interlock_node_condition gauge
interlock_node_condition{node="n",environment="production",type="Ready",status="true"} 1
interlock_node_condition{node="n",environment="production",type="Ready",status="false"} 0
interlock_node_condition{node="n",environment="production",type="Ready",status="unknown"} 0
# HELP interlock_node_condition_reason The reason behind each condition.
# TYPE interlock_node_condition_reason gauge
interlock_node_condition_reason{node="n",environment="production",type="Ready",reason="Synced"} 1
# HELP interlock_node_condition_since_timestamp_seconds Since when each condition is what it is.
# TYPE interlock_node_condition_since_timestamp_seconds gauge
interlock_node_condition_since_timestamp_seconds{node="n",environment="production",type="Ready"} 1700000000.000
# HELP interlock_node_commit_info Which commit was attempted, accepted, applied, and served last.
# TYPE interlock_node_commit_info gauge
interlock_node_commit_info{node="n",environment="production",stage="attempted",commit="c3"} 1
interlock_node_commit_info{node="n",environment="production",stage="accepted",commit="c2"} 1
interlock_node_commit_info{node="n",environment="production",stage="served",commit="c1"} 1
# HELP interlock_node_last_poll_timestamp_seconds When the remote answered last.
# TYPE interlock_node_last_poll_timestamp_seconds gauge
interlock_node_last_poll_timestamp_seconds{node="n",environment="production"} 1700000100.500
# HELP interlock_node_last_flip_timestamp_seconds When what is served changed last.
# TYPE interlock_node_last_flip_timestamp_seconds gauge
interlock_node_last_flip_timestamp_seconds{node="n",environment="production"} 1700000050.000
# HELP interlock_node_started_timestamp_seconds When the agent began.
# TYPE interlock_node_started_timestamp_seconds gauge
interlock_node_started_timestamp_seconds{node="n",environment="production"} 1699999999.000
# HELP interlock_node_fresh_within_seconds How old the last answer of the remote may be.
# TYPE interlock_node_fresh_within_seconds gauge
interlock_node_fresh_within_seconds{node="n",environment="production"} 300
# HELP interlock_node_aliases Aliases that git names.
# TYPE interlock_node_aliases gauge
interlock_node_aliases{node="n",environment="production"} 2
# HELP interlock_node_aliases_behind Aliases that do not answer as git says.
# TYPE interlock_node_aliases_behind gauge
interlock_node_aliases_behind{node="n",environment="production"} 1
# HELP interlock_node_adapters_loaded Adapters that the engine lists.
# TYPE interlock_node_adapters_loaded gauge
interlock_node_adapters_loaded{node="n",environment="production"} 3
# HELP interlock_node_waiting What is looked at again by itself.
# TYPE interlock_node_waiting gauge
interlock_node_waiting{node="n",environment="production"} 1
# HELP interlock_node_store_artifacts Artifacts in the store.
# TYPE interlock_node_store_artifacts gauge
interlock_node_store_artifacts{node="n",environment="production"} 3
# HELP interlock_node_store_bytes Bytes in the store.
# TYPE interlock_node_store_bytes gauge
interlock_node_store_bytes{node="n",environment="production"} 123456789012
# HELP interlock_node_store_collectable_bytes Bytes that would be given up for others.
# TYPE interlock_node_store_collectable_bytes gauge
interlock_node_store_collectable_bytes{node="n",environment="production"} 7
# HELP interlock_node_store_limit_bytes Bytes that it may hold.
# TYPE interlock_node_store_limit_bytes gauge
interlock_node_store_limit_bytes{node="n",environment="production"} 200000000000
# HELP interlock_node_flips_total Changes of what is served.
# TYPE interlock_node_flips_total counter
interlock_node_flips_total{node="n",environment="production"} 7
"""


def test_everything_that_is_told_once_each_with_its_kind_and_meaning() -> None:
    change = Change(1_700_000_050.0, "c2", "bot", "bot@2", "")
    whole = Status(
        node="n",
        environment="production",
        commits=Commits("c3", "c2", None, "c1"),
        conditions=(Condition("Ready", "True", "Synced", "well", 1_700_000_000.0),),
        aliases=(AliasStatus("bot", "b", "b", "", (), ""), AliasStatus("sql", "s", "", "", (), "", behind=True)),
        engine="vllm 1",
        last_poll=1_700_000_100.5,
        loaded=("a", "b", "c"),
        history=(change,),
        serving=(change,),
        flips=7,
        waiting=(Wait("bot@3", "HeldBack", "no", None),),
        started=1_699_999_999.0,
        fresh_within=300.0,
        store=StoreState(3, 123_456_789_012, 200_000_000_000, 7),
    )
    assert to_metrics(whole) == GOLDEN
    live = to_live_metrics(whole, 1.25)
    assert live.removeprefix(GOLDEN).splitlines()[2:] == [
        'interlock_node_seconds_since_last_turn{node="n",environment="production"} 1.250'
    ]


def test_an_agent_without_a_status_still_says_how_long_it_has_been_at_work() -> None:
    assert to_live_metrics(None, 2.0).splitlines()[-1] == "interlock_node_seconds_since_last_turn 2.000"
