"""The status document: what is written is what is read, and a condition remembers since when it holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.sync.continuation import continued
from interlock.sync.status import (
    CONDITIONS,
    SCHEMA,
    AliasStatus,
    Change,
    Commits,
    Condition,
    Status,
    Truth,
    Wait,
    as_document,
    from_json,
    to_json,
)


def status(*, ready: Truth = "True", since: float = 0.0) -> Status:
    conditions = [Condition(kind, "True", "Fine", "all is well", since) for kind in CONDITIONS]
    conditions[0] = replace(conditions[0], status=ready)
    row = AliasStatus("bot", "bot@2-…", "bot@1-…", "", ("bot@1-…",), "it is refused")
    return Status("node-1", "dev", Commits("a" * 40, None, None), tuple(conditions), (row,), "vllm 0.32", 1.5, ("x",))


texts = st.sampled_from(["", "bot@2-1f3a9c2b4d5e", 'quo"te', "line\nbreak", "\x1b[2J", "\udcff", "\U0001f600", "\x00"])
maybe = st.none() | texts
changes = st.builds(Change, st.floats(0, 1e12), maybe, texts, texts, texts)
statuses = st.builds(
    Status,
    node=texts,
    environment=texts,
    commits=st.builds(Commits, maybe, maybe, maybe),
    conditions=st.tuples(
        *(
            st.builds(
                Condition,
                st.just(kind),
                st.sampled_from(["True", "False", "Unknown"]),
                texts,
                texts,
                st.floats(0, 1e12),
            )
            for kind in CONDITIONS
        )
    ),
    aliases=st.lists(
        st.builds(AliasStatus, texts, texts, texts, texts, st.lists(texts, max_size=3).map(tuple), texts), max_size=3
    ).map(tuple),
    engine=texts,
    last_poll=st.none() | st.floats(0, 1e12),
    loaded=st.lists(texts, max_size=3).map(tuple),
    history=st.lists(changes, max_size=3).map(tuple),
    serving=st.lists(changes, max_size=3).map(tuple),
    flips=st.integers(0),
    waiting=st.lists(st.builds(Wait, texts, texts, texts, st.none() | st.floats(0, 1e12)), max_size=3).map(tuple),
    started=st.floats(0, 1e12),
    fresh_within=st.floats(0, 1e9),
)


@given(statuses)
def test_any_status_comes_back_as_it_was(one: Status) -> None:
    assert from_json(to_json(one)) == one


def test_a_message_that_quotes_a_path_in_no_encoding_can_be_written() -> None:
    odd = replace(status(), engine="path \udcff and … and \x1b")
    assert from_json(to_json(odd).encode("ascii").decode("ascii")) == odd


def test_the_document_names_its_schema_and_has_sorted_keys() -> None:
    document = json.loads(to_json(status()))
    assert document["schema"] == SCHEMA == "interlock-status/2"
    assert list(document) == sorted(document)
    assert document["aliases"][0]["message"] == "it is refused"
    assert as_document(status())["commits"] == {
        "attempted": "a" * 40,
        "accepted": None,
        "applied": None,
        "served": None,
    }


def _changed(**fields: Any) -> str:
    return json.dumps(json.loads(to_json(status())) | fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"schema": "interlock-status/2"}',
        "[" * 100_000,
        _changed(schema="interlock-status/1"),
        _changed(commits=None),
        _changed(commits={"attempted": None}),
        _changed(commits=[]),
        _changed(aliases=[1]),
        _changed(aliases=[{"alias": "bot"}]),
        _changed(conditions=None),
        _changed(conditions=[]),
        _changed(conditions=[{"type": "Ready"}]),
        _changed(unknown=1),
        _changed(loaded=7),
        _changed(history=[{"alias": "bot"}]),
        _changed(waiting=7),
    ],
    ids=range(21),
)
def test_anything_else_is_refused_as_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — the words differ; what counts is that no other error escapes
        from_json(text)


def test_every_condition_can_be_asked_for() -> None:
    assert [status().condition(kind).type for kind in CONDITIONS] == list(CONDITIONS)


def test_a_condition_keeps_its_time_while_its_truth_stays_even_if_its_message_changes() -> None:
    earlier = status(since=10.0)
    later = replace(
        status(),
        conditions=tuple(replace(c, reason="Other", message="other words") for c in status(ready="False").conditions),
    )
    joined = continued(later, earlier, 20.0)
    assert joined.condition("Ready").since == 20.0
    assert joined.condition("Stalled").since == 10.0
    assert joined.condition("Stalled").message == "other words"


def test_without_an_earlier_status_every_condition_begins_now() -> None:
    assert {condition.since for condition in continued(status(), None, 30.0).conditions} == {30.0}


def test_a_condition_of_an_older_version_does_not_disturb() -> None:
    earlier = replace(status(since=10.0), conditions=status(since=10.0).conditions[:2])
    assert [c.since for c in continued(status(), earlier, 20.0).conditions] == [10.0] * 2 + [20.0] * (
        len(CONDITIONS) - 2
    )
