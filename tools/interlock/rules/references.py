"""References: whatever one document names in another is there, and may be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.documents import layout
from interlock.documents.kinds.adapter_revision import BaseReference
from interlock.documents.positions import Location, Place
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.circles import circles
from interlock.rules.facts import Facts, Use
from interlock.rules.rule import Rule

FAMILY = "references"


def environment_missing(facts: Facts) -> Iterator[Finding]:
    """The chosen environment, or one that has pointers, has no environment.yaml."""
    wanted = {facts.environment} if facts.environment else {environment for environment, _ in facts.pointers}
    for name in sorted(wanted - facts.snapshot.environments.keys()):
        path = layout.environment_path(name)
        if not facts.written(path):
            known = ", ".join(sorted(facts.snapshot.environments)) or "none"
            yield Finding(
                "environment-missing",
                Place(path),
                f"there is no environment {name}",
                f"{path}, or one of the environments that are there: {known}",
                f"write {path}, or spell the environment as one of those",
                environment=name,
            )


def pointer_without_adapter(facts: Facts) -> Iterator[Finding]:
    """A pointer stands for an adapter of which nothing is known."""
    for (environment, adapter), located in facts.pointers.items():
        path = layout.adapter_path(adapter)
        if not _known_adapter(facts, adapter):
            yield Finding(
                "pointer-without-adapter",
                located.place("adapter"),
                f"{environment} has a pointer for {adapter}, and there is no such adapter",
                f"{path} and a registered revision",
                f"{remedies.register_on_another_base(adapter)}; or remove {located.path}",
                environment=environment,
            )


def _known_adapter(facts: Facts, adapter: str) -> bool:
    """Whether there is a description or a revision; what either lacks has a finding of its own."""
    return facts.written(layout.adapter_path(adapter)) or bool(facts.known_of(adapter))


def revision_without_adapter(facts: Facts) -> Iterator[Finding]:
    """A revision belongs to an adapter that nobody owns."""
    for key, located in facts.revisions.items():
        path = layout.adapter_path(key.adapter)
        if not facts.written(path):
            yield Finding(
                "revision-without-adapter",
                located.place("adapter"),
                f"{key} is a revision of an adapter that is not described",
                f"{path} with owners, escalation and risk tier",
                f"write {path}",
            )


def dangling_pointer(facts: Facts) -> Iterator[Finding]:
    """A pointer names a revision that is not in the tree."""
    for use in facts.uses:
        path = layout.revision_path(use.revision.adapter, use.revision.revision)
        if not facts.written(path) and _known_adapter(facts, use.revision.adapter):
            yield Finding(
                "dangling-pointer",
                use.place,
                f"{use.role} names {use.revision}, which is not in this repository",
                _known_revisions(facts, use),
                f"{remedies.register_on_another_base(use.revision.adapter)}; or point at a revision that is there",
                environment=use.environment,
            )


def _known_revisions(facts: Facts, use: Use) -> str:
    known = sorted(key.revision for key in facts.known_of(use.revision.adapter))
    return f"one of the revisions {', '.join(known)}" if known else f"a registered revision of {use.revision.adapter}"


def revoked_revision(facts: Facts) -> Iterator[Finding]:
    """A pointer names a revision that must never be served again."""
    for use in facts.uses:
        record = facts.revoked.get(use.revision)
        if record:
            yield Finding(
                "revoked-revision",
                use.place,
                f"{use.role} names {use.revision}, revoked on {record.date} by {record.by}: {record.reason}",
                "a revision that is not revoked",
                remedies.go_back(use.revision, use.environment),
                environment=use.environment,
            )


def base_missing(facts: Facts) -> Iterator[Finding]:
    """An environment, a revision or a merged base names a base that is not in the tree.

    Nobody is hurt by an environment that serves no adapter yet: it only warns, as a freshly laid out one does.
    """
    serving = {environment for environment, _ in facts.all_pointers}
    for owner, located, location, reference, environment in _base_references(facts):
        path = layout.base_path(reference.name, reference.revision)
        if not facts.written(path):
            yield Finding(
                "base-missing",
                located.place(*location),
                f"{owner} names the base {reference.name} {reference.revision}, which is not in this repository",
                f"{path} exists",
                remedies.register_base(reference.name, reference.revision),
                severity=Severity.ERROR if environment is None or environment in serving else Severity.WARNING,
                environment=environment,
            )


def _base_references(facts: Facts) -> Iterator[tuple[str, Located[Any], Location, BaseReference, str | None]]:
    for env in facts.environments:
        name = env.document.name
        yield f"environment {name}", env, ("base",), env.document.base, name
    for key, revision in facts.revisions.items():
        yield str(key), revision, ("base",), revision.document.base, None
    for (name, version), base in facts.snapshot.bases.items():
        if base.document.pedigree.base:
            yield f"base {name} {version}", base, ("pedigree", "base"), base.document.pedigree.base, None


def upstream_missing(facts: Facts) -> Iterator[Finding]:
    """Promotions would come from an environment that is not there."""
    for env in facts.environments:
        upstream = env.document.upstream
        path = layout.environment_path(upstream) if upstream else ""
        if path and not facts.written(path):
            yield Finding(
                "upstream-missing",
                env.place("upstream"),
                f"{env.document.name} takes promotions from {upstream}, and there is no such environment",
                f"{path} exists",
                f"write {path}, or name another upstream",
                environment=env.document.name,
            )


def upstream_cycle(facts: Facts) -> Iterator[Finding]:
    """Environments that are upstream of each other: nothing could ever be promoted first."""
    upstream = {name: env.document.upstream for name, env in facts.snapshot.environments.items()}
    for name, circle in circles(upstream).items():
        if facts.in_scope(name):
            yield Finding(
                "upstream-cycle",
                facts.snapshot.environments[name].place("upstream"),
                f"{name} is its own upstream: {' → '.join((*circle, circle[0]))}",
                "a chain of environments that begins with one without upstream",
                "remove `upstream` from the environment where promotions begin",
                environment=name,
            )


RULES = (
    Rule(
        "environment-missing",
        "An environment is not described",
        "Without environment.yaml nobody knows the base and the limits that its pointers are judged by.",
        "Write environment.yaml, or correct the name.",
        FAMILY,
        environment_missing,
    ),
    Rule(
        "pointer-without-adapter",
        "A pointer stands for an adapter that is not there",
        "There is nothing to serve, no owner to call and no risk tier to judge by.",
        "Register the adapter, or remove the pointer.",
        FAMILY,
        pointer_without_adapter,
    ),
    Rule(
        "revision-without-adapter",
        "A revision belongs to an adapter that is not described",
        "Owners and risk tier stand in adapter.yaml; without it no policy applies.",
        "Write adapter.yaml.",
        FAMILY,
        revision_without_adapter,
    ),
    Rule(
        "dangling-pointer",
        "A pointer names a revision that is not in the repository",
        "The nodes of the environment could not follow it and would keep serving the old revision.",
        "Register the revision, or point at one that is there.",
        FAMILY,
        dangling_pointer,
    ),
    Rule(
        "revoked-revision",
        "A pointer names a revoked revision",
        "Somebody established that this revision must never answer a request again.",
        "Point at a revision that is not revoked.",
        FAMILY,
        revoked_revision,
    ),
    Rule(
        "base-missing",
        "A base is not in the repository",
        "Compatibility is judged against the digests and shapes in the base's manifest.",
        "Register the base, or name one that is there.",
        FAMILY,
        base_missing,
    ),
    Rule(
        "upstream-missing",
        "The upstream environment is not described",
        "Promotions come only from upstream; without it none can ever be allowed.",
        "Describe the upstream environment, or name another.",
        FAMILY,
        upstream_missing,
    ),
    Rule(
        "upstream-cycle",
        "Environments are upstream of each other",
        "In a circle no environment comes first, so nothing could be promoted.",
        "Let one environment have no upstream.",
        FAMILY,
        upstream_cycle,
    ),
)
