"""Stages: a revision comes from upstream after it served there long enough, and takes traffic in declared steps."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.fields import duration_text
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Canary
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules.change import Change, History, PointerStep, brings_in
from interlock.rules.rule import TransitionRule

FAMILY = "stages"


def skipped_stage(change: Change) -> Iterator[Finding]:
    """A revision that is not active in the upstream environment takes requests."""
    for step, upstream, _ in _promotions_from_upstream(change):
        pointer = change.base.pointers.get((upstream, step.adapter))
        active = pointer.document.active if pointer else None
        for revision in sorted(brings_in(step) - {active}):
            serves = f"serves {active}" if active else f"serves no revision of {step.adapter}"
            yield Finding(
                "skipped-stage",
                step.place(*_where(step, revision)),
                f"{step.adapter} {revision} is not active in {upstream}, the upstream of {step.environment},"
                f" which {serves}",
                f"a revision that is active in {upstream} when it comes to {step.environment}",
                f"run: interlock promote {step.adapter} {revision} --to {upstream}",
                environment=step.environment,
            )


def unsoaked_promotion(change: Change) -> Iterator[Finding]:
    """A revision has not been active upstream for as long as the environment asks."""
    for step, upstream, env in _promotions_from_upstream(change):
        soak, history = env.document.soak, change.history(upstream, step.adapter)
        if not soak:
            continue
        for revision in sorted(brings_in(step)):
            if history.unknown:
                yield _soak_unknown(step, revision, f"since when {upstream} serves it is not known: {history.unknown}")
            elif not _served_long_enough(change, history, revision, env):
                yield _too_early(change, step, revision, upstream, env)
            elif soak.requests and history.active_since(revision):
                yield _requests_unproven(step, revision, upstream, env)


def _requests_unproven(step: PointerStep, revision: str, upstream: str, env: Located[Environment]) -> Finding:
    """Only told: no statement about what the upstream nodes served can be read yet, and blocking would block all."""
    assert env.document.soak
    return Finding(
        "unsoaked-promotion",
        step.place(*_where(step, revision)),
        f"whether {upstream} served {env.document.soak.requests} requests with {step.adapter} {revision} could not be"
        " judged, only the time",
        f"{env.document.soak.requests} requests ({env.path})",
        f"look at the request counts of the nodes of {upstream} before you approve",
        severity=Severity.WARNING,
        evaluated=False,
        environment=step.environment,
    )


def _served_long_enough(change: Change, history: History, revision: str, env: Located[Environment]) -> bool:
    since = history.active_since(revision)
    if since is None:
        return True  # not active upstream at all: that is `skipped-stage`
    assert env.document.soak
    return change.now - since >= env.document.soak.duration


def _too_early(change: Change, step: PointerStep, revision: str, upstream: str, env: Located[Environment]) -> Finding:
    soak, since = env.document.soak, change.history(upstream, step.adapter).active_since(revision)
    assert soak
    assert since
    return Finding(
        "unsoaked-promotion",
        step.place(*_where(step, revision)),
        f"{step.adapter} {revision} is active in {upstream} since {since:%Y-%m-%d %H:%M} UTC,"
        f" {str(change.now - since).split('.', maxsplit=1)[0]} before this check",
        f"{duration_text(soak.duration)} in {upstream} first ({env.path})",
        f"wait until {since + soak.duration:%Y-%m-%d %H:%M} UTC, then run the check again",
        environment=step.environment,
    )


def _soak_unknown(step: PointerStep, revision: str, why: str) -> Finding:
    return Finding(
        "unsoaked-promotion",
        step.place(*_where(step, revision)),
        f"whether {step.adapter} {revision} was tried long enough could not be judged: {why}",
        "the whole history of the trusted branch",
        "run: git fetch --unshallow   (in a workflow: fetch-depth: 0)",
        evaluated=False,
        environment=step.environment,
    )


def _promotions_from_upstream(change: Change) -> Iterator[tuple[PointerStep, str, Located[Environment]]]:
    for step in change.promotions:
        env = change.environment(step.environment)
        if env and env.document.upstream:
            yield step, env.document.upstream, env


def _where(step: PointerStep, revision: str) -> tuple[str, ...]:
    """Where the pointer names a revision that takes requests."""
    active = step.after and step.after.document.active == revision
    return ("active",) if active else ("canary", "revision")


def skipped_canary_step(change: Change) -> Iterator[Finding]:
    """A canary takes more traffic than its next declared step, or becomes active before its last one."""
    for step in change.promotions:
        before = step.before.document.canary if step.before else None
        after = step.after.document.canary if step.after else None
        if step.after and after and not (before and before.revision != after.revision):
            yield from _out_of_order(step, before, after)
        if before and before.steps and step.activates == before.revision and before.weight < before.steps[-1]:
            yield Finding(
                "skipped-canary-step",
                step.place("active"),
                f"{step.adapter} {before.revision} becomes active in {step.environment} from {before.weight:g} %",
                f"the canary at {before.steps[-1]:g} %, its last step, before it becomes active",
                f"set canary.weight to {_next(before.steps, before.weight):g} in {step.path}, and propose that alone",
                environment=step.environment,
            )


def _out_of_order(step: PointerStep, before: Canary | None, after: Canary) -> Iterator[Finding]:
    declared = before.steps if before and before.steps else after.steps
    reached = before.weight if before else 0
    if not declared or after.weight <= reached or after.weight <= _next(declared, reached):
        return
    yield Finding(
        "skipped-canary-step",
        step.place("canary", "weight"),
        f"the canary of {step.adapter} {after.revision} in {step.environment} goes from {reached:g} %"
        f" to {after.weight:g} %",
        f"one step of {', '.join(f'{share:g}' for share in declared)} at a time: {_next(declared, reached):g} %",
        f"set canary.weight to {_next(declared, reached):g} in {step.path}",
        environment=step.environment,
    )


def _next(declared: tuple[float, ...], reached: float) -> float:
    return next((share for share in sorted(declared) if share > reached), max(declared))


def canary_without_shadow(change: Change) -> Iterator[Finding]:
    """A revision answers requests, and policy asks that it was shadowed first."""
    for step in change.promotions:
        if not _shadow_is_asked(change, step) or step.after is None:
            continue
        known = _shadowed(step)
        for revision in sorted(brings_in(step) - known):
            yield Finding(
                "canary-without-shadow",
                step.place(*_where(step, revision)),
                f"{step.adapter} {revision} takes requests in {step.environment} and was not its shadow before",
                f"`shadow: {{revision: {revision!r}, …}}` in {step.path}, merged and observed first",
                f"propose that shadow alone in {step.path}",
                environment=step.environment,
            )


def _shadowed(step: PointerStep) -> frozenset[str]:
    """What the pointer already sends a copy or a share of the requests to."""
    before = step.before.document if step.before else None
    parts = (before.shadow, before.canary) if before else ()
    return frozenset(part.revision for part in parts if part)


def _shadow_is_asked(change: Change, step: PointerStep) -> bool:
    """Whether a policy of the environment lists `shadow` among the evidence for the adapter's risk tier."""
    adapter = change.base.adapters.get(step.adapter) or change.head.snapshot.adapters.get(step.adapter)
    tier = adapter.document.risk.tier if adapter else "high"  # an unknown risk is the highest
    return "shadow" in change.policy(step.environment).value(f"evidence.{tier}", ())


RULES = (
    TransitionRule(
        "skipped-stage",
        "A revision skips the upstream environment",
        "What was never served upstream meets its first real requests in the environment where a mistake costs most.",
        "Promote it to the upstream environment first.",
        FAMILY,
        skipped_stage,
    ),
    TransitionRule(
        "unsoaked-promotion",
        "A revision was not upstream long enough",
        "Faults that need hours of real requests to show would show in production.",
        "Wait until the soak of the environment is over.",
        FAMILY,
        unsoaked_promotion,
    ),
    TransitionRule(
        "skipped-canary-step",
        "A canary skips a declared step",
        "Each step limits how many people a bad revision can reach before it is noticed.",
        "Raise the weight one declared step at a time.",
        FAMILY,
        skipped_canary_step,
    ),
    TransitionRule(
        "canary-without-shadow",
        "A revision takes requests without having been a shadow",
        "The policy asks that its answers are compared on copies of real requests before anybody receives one.",
        "Make the revision the shadow of the pointer first.",
        FAMILY,
        canary_without_shadow,
    ),
)
