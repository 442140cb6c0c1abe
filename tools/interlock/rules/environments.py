"""Environments: their windows, holds, rollouts and engine versions mean something, and one thing only."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents import layout
from interlock.documents.kinds.environment import Environment, Wave
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.time_zones import zone_problem
from interlock.rules.version_ranges import UnreadableRange, is_empty

FAMILY = "environments"


def unknown_time_zone(facts: Facts) -> Iterator[Finding]:
    """A change window is in a time zone that nobody knows: no promotion could ever be judged."""
    for env in facts.environments:
        for index, window in enumerate(env.document.windows):
            problem = zone_problem(window.timezone)
            if problem:
                yield Finding(
                    "unknown-time-zone",
                    env.place("windows", index, "timezone"),
                    f"a window of {env.document.name} is in the time zone {window.timezone}: {problem.why}",
                    "an IANA name, for example Europe/Berlin or UTC",
                    problem.remedy,
                    evaluated=problem.certain,
                    environment=env.document.name,
                )


def ambiguous_window(facts: Facts) -> Iterator[Finding]:
    """A window that ends when it begins: a moment to one reader, a whole day to another."""
    for env in facts.environments:
        for index, window in enumerate(env.document.windows):
            if window.from_ == window.to:
                yield Finding(
                    "ambiguous-window",
                    env.place("windows", index, "to"),
                    f"a window of {env.document.name} begins and ends at {window.to}",
                    "an end other than the beginning; a window over midnight ends on the next day",
                    'write from: "00:00" and to: "23:59" for a whole day, or the hours that were meant',
                    environment=env.document.name,
                )


def hold_of_unknown_adapter(facts: Facts) -> Iterator[Finding]:
    """Somebody holds an adapter that is not there: the one that was meant is not held."""
    for env in facts.environments:
        for index, hold in enumerate(env.document.holds):
            if hold.adapter and not facts.written(layout.adapter_path(hold.adapter)):
                yield Finding(
                    "hold-of-unknown-adapter",
                    env.place("holds", index, "adapter"),
                    f"{hold.by} holds {hold.adapter} in {env.document.name}, and there is no such adapter",
                    "the name of an adapter, as its folder below adapters/",
                    f"spell the adapter in {env.path} as its folder, or leave `adapter` out to hold all of them",
                    environment=env.document.name,
                )


def unfinished_rollout(facts: Facts) -> Iterator[Finding]:
    """The waves do not reach every node, or do not grow."""
    for env in facts.environments:
        waves = env.document.rollout.waves if env.document.rollout else ()
        for index, why in _flaws(waves):
            yield Finding(
                "unfinished-rollout",
                env.place("rollout", "waves", index),
                f"wave {index + 1} of {env.document.name} {why}",
                "each wave with `nodes` or `percent`, the percents rising, the last one at 100",
                f"end the waves in {env.path} with {{percent: 100}}",
                environment=env.document.name,
            )


def _flaws(waves: tuple[Wave, ...]) -> Iterator[tuple[int, str]]:
    reached = 0.0
    for index, wave in enumerate(waves):
        if (wave.nodes is None) == (wave.percent is None):
            yield index, "names both nodes and a percent" if wave.nodes is not None else "names no node and no percent"
        elif wave.nodes is not None and not wave.nodes:
            yield index, "has an empty list of nodes"
        elif wave.percent is not None and wave.percent <= reached:
            yield index, f"goes to {wave.percent:g} %, and {reached:g} % were reached before"
        reached = max(reached, wave.percent or 0)
    if waves and waves[-1].percent is not None and reached < 100:
        yield len(waves) - 1, f"is the last one and ends at {reached:g} %: the other nodes never follow"
    elif waves and waves[-1].percent is None:
        yield len(waves) - 1, "is the last one and names single nodes: the other nodes never follow"


def unclear_engine_version(facts: Facts) -> Iterator[Finding]:
    """The range of engine versions cannot be read, or holds no version: nobody can say what the engine refuses."""
    for env in facts.environments:
        why = _version_flaw(env)
        if why:
            yield Finding(
                "unclear-engine-version",
                env.place("engine", "version"),
                f"engine.version of {env.document.name} is {env.document.engine.version[:60]!r}: {why}",
                'comparisons with versions, separated by commas, for example ">=0.28,<0.40"',
                f"write the versions that the nodes of {env.document.name} really run into {env.path}",
                environment=env.document.name,
            )


def _version_flaw(env: Located[Environment]) -> str:
    try:
        return "no version is in it" if is_empty(env.document.engine.version) else ""
    except UnreadableRange as error:
        return f"{str(error)[:60]} is no comparison with a version"


RULES = (
    Rule(
        "unknown-time-zone",
        "A change window in an unknown time zone",
        "Whether the window is open can never be judged, so no promotion is ever allowed.",
        "Write an IANA name such as Europe/Berlin.",
        FAMILY,
        unknown_time_zone,
    ),
    Rule(
        "ambiguous-window",
        "A change window that ends when it begins",
        "One reader takes it for never, the next for the whole day.",
        "Write an end other than the beginning.",
        FAMILY,
        ambiguous_window,
    ),
    Rule(
        "hold-of-unknown-adapter",
        "A hold of an adapter that is not there",
        "Whoever wrote it believes that promotions are stopped, and they are not.",
        "Spell the adapter as its folder, or hold the whole environment.",
        FAMILY,
        hold_of_unknown_adapter,
    ),
    Rule(
        "unfinished-rollout",
        "The waves of a rollout do not reach every node",
        "Some nodes would serve the old revision for ever while the pointer says otherwise.",
        "End the waves with {percent: 100}.",
        FAMILY,
        unfinished_rollout,
    ),
    Rule(
        "unclear-engine-version",
        "The versions of the engine are unclear",
        "Which adapters an engine refuses or silently changes depends on its version; without one the worst is assumed,"
        " or nothing is known at all.",
        'Write a range such as ">=0.28,<0.40".',
        FAMILY,
        unclear_engine_version,
    ),
)
