"""The status of a node as metrics in Prometheus' text format, for the textfile collector of a node exporter. Pure.

Written beside `status.json` whenever that is. Conditions come as kube-state-metrics has them: one line for each of the
three things a condition can be, of which one is 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.sync.status import Status


def to_metrics(status: Status) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    node = {"node": status.node, "environment": status.environment}
    yield "# HELP interlock_node_condition What the agent says of itself; see docs/node.md for types and reasons."
    yield "# TYPE interlock_node_condition gauge"
    for condition in status.conditions:
        for truth in ("True", "False", "Unknown"):
            labels = node | {"type": condition.type, "status": truth.lower()}
            yield f"interlock_node_condition{_text(labels)} {int(condition.status == truth)}"
    yield "# HELP interlock_node_condition_reason The reason behind each condition."
    yield "# TYPE interlock_node_condition_reason gauge"
    for condition in status.conditions:
        yield f"interlock_node_condition_reason{_text(node | {'type': condition.type, 'reason': condition.reason})} 1"
    if status.last_poll is not None:
        yield "# HELP interlock_node_last_poll_timestamp_seconds When the remote answered last."
        yield "# TYPE interlock_node_last_poll_timestamp_seconds gauge"
        yield f"interlock_node_last_poll_timestamp_seconds{_text(node)} {status.last_poll:.3f}"


def _text(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
