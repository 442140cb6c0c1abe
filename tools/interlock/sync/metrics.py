"""The status of a node as metrics in Prometheus' text format. Pure.

Written beside `status.json` for the textfile collector of a node exporter, and told at `/metrics`. Conditions come as
kube-state-metrics has them: one line for each of the three things a condition can be, of which one is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from interlock.sync.status import Status

Samples = Iterable[tuple[Mapping[str, str], str]]
"""Labels beyond node and environment, and the value."""


def to_metrics(status: Status) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in _lines(status))


def to_live_metrics(status: Status | None, quiet: float) -> str:
    """The same, asked now, `quiet` seconds after the end of the last turn; without a status only that."""
    labels = {"node": status.node, "environment": status.environment} if status else {}
    name, help_text = "interlock_node_seconds_since_last_turn", "Seconds since the agent ended a turn."
    lines = _metric(labels, name, "gauge", help_text, [({}, f"{quiet:.3f}")])
    return (to_metrics(status) if status else "") + "".join(f"{line}\n" for line in lines)


def _lines(status: Status) -> Iterator[str]:
    node = {"node": status.node, "environment": status.environment}
    for name, kind, help_text, samples in _metrics(status):
        yield from _metric(node, name, kind, help_text, samples)


def _metric(node: Mapping[str, str], name: str, kind: str, help_text: str, samples: Samples) -> Iterator[str]:
    for first, (labels, value) in enumerate(samples):
        if not first:
            yield f"# HELP {name} {help_text}"
            yield f"# TYPE {name} {kind}"
        yield f"{name}{_text({**node, **labels})} {value}"


def _metrics(status: Status) -> Iterator[tuple[str, str, str, Samples]]:
    yield from _conditions(status)
    yield (
        "interlock_node_commit_info",
        "gauge",
        "Which commit was attempted, accepted, applied, and served last.",
        [({"stage": stage, "commit": commit}, "1") for stage, commit in _stages(status) if commit],
    )
    for name, help_text, moment in _moments(status):
        yield name, "gauge", help_text, [] if moment is None else [({}, f"{moment:.3f}")]
    for name, help_text, number in (*_numbers(status), *_store(status)):
        yield name, "gauge", help_text, [({}, str(number))]
    yield "interlock_node_flips_total", "counter", "Changes of what is served.", [({}, str(status.flips))]


def _conditions(status: Status) -> Iterator[tuple[str, str, str, Samples]]:
    yield (
        "interlock_node_condition",
        "gauge",
        "What the agent says of itself; see docs/node.md for types and reasons.",
        [
            ({"type": one.type, "status": truth.lower()}, str(int(one.status == truth)))
            for one in status.conditions
            for truth in ("True", "False", "Unknown")
        ],
    )
    yield (
        "interlock_node_condition_reason",
        "gauge",
        "The reason behind each condition.",
        [({"type": one.type, "reason": one.reason}, "1") for one in status.conditions],
    )
    yield (
        "interlock_node_condition_since_timestamp_seconds",
        "gauge",
        "Since when each condition is what it is.",
        [({"type": one.type}, f"{one.since:.3f}") for one in status.conditions],
    )


def _stages(status: Status) -> list[tuple[str, str | None]]:
    commits = status.commits
    return [
        ("attempted", commits.attempted),
        ("accepted", commits.accepted),
        ("applied", commits.applied),
        ("served", commits.served),
    ]


def _moments(status: Status) -> list[tuple[str, str, float | None]]:
    changed = status.history[-1].time if status.history else None
    return [
        ("interlock_node_last_poll_timestamp_seconds", "When the remote answered last.", status.last_poll),
        ("interlock_node_last_flip_timestamp_seconds", "When what is served changed last.", changed),
        ("interlock_node_started_timestamp_seconds", "When the agent began.", status.started or None),
    ]


def _store(status: Status) -> list[tuple[str, str, int]]:
    if status.store is None:
        return []
    told = [
        ("interlock_node_store_artifacts", "Artifacts in the store.", status.store.artifacts),
        ("interlock_node_store_bytes", "Bytes in the store.", status.store.bytes),
        (
            "interlock_node_store_collectable_bytes",
            "Bytes that would be given up for others.",
            status.store.collectable,
        ),
    ]
    limit = status.store.limit
    return told if limit is None else [*told, ("interlock_node_store_limit_bytes", "Bytes that it may hold.", limit)]


def _numbers(status: Status) -> list[tuple[str, str, int]]:
    behind = sum(row.behind for row in status.aliases)
    return [
        (
            "interlock_node_fresh_within_seconds",
            "How old the last answer of the remote may be.",
            int(status.fresh_within),
        ),
        ("interlock_node_aliases", "Aliases that git names.", len(status.aliases)),
        ("interlock_node_aliases_behind", "Aliases that do not answer as git says.", behind),
        ("interlock_node_adapters_loaded", "Adapters that the engine lists.", len(status.loaded)),
        ("interlock_node_waiting", "What is looked at again by itself.", len(status.waiting)),
    ]


def _text(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
