"""What one environment should serve, computed from a checked snapshot. Pure: the same commit gives the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import EngineLimits, Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.snapshot import Snapshot
from interlock.errors import DocumentError, UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """One revision that should be loaded: its served name and its bytes."""

    served: str
    artifact: Artifact
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A share of an alias's traffic (`weight` in percent) or named tenants, on another revision."""

    target: Target
    weight: float
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesiredAlias:
    """One alias: what answers it, and what else stays loaded for it (`kept`: shadow, keep and rollback targets)."""

    name: str
    active: Target
    canary: Split | None = None
    kept: tuple[Target, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everything to load for this alias, the most important first."""
        return (self.active, *((self.canary.target,) if self.canary else ()), *self.kept)


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that an environment asks of its nodes at one commit.

    `slots` says how many adapters fit at once, `engine` by which engine everything was judged (None: by none).
    """

    commit: str
    environment: str
    base: BaseRevision
    slots: int
    aliases: tuple[DesiredAlias, ...]
    engine: EngineLimits | None = None

    @property
    def targets(self) -> dict[str, Target]:
        """Every revision to load by served name: active ones and canaries, what is pinned first; then what is kept."""
        kept = [target for alias in self.aliases for target in alias.kept]
        taking = sorted(self._taking_requests, key=lambda target: target.lazy)
        return {target.served: target for target in (*taking, *kept)}

    @property
    def taking_requests(self) -> frozenset[str]:
        """The served names to which git wants requests to go: active revisions and canaries."""
        return frozenset(target.served for target in self._taking_requests)

    @property
    def _taking_requests(self) -> tuple[Target, ...]:
        active = [alias.active for alias in self.aliases]
        return (*active, *(alias.canary.target for alias in self.aliases if alias.canary))


def desired_state(
    snapshot: Snapshot, environment: str, earlier: Mapping[str, Sequence[str]], *, commit: str
) -> Desired:
    """Compute the desired state of an environment.

    `earlier` gives, for each adapter, the revisions to keep for a rollback, the one to go back to first.

    Raises:
        UsageError: the repository has no such environment.
        DocumentError: something that it refers to cannot be read.
    """
    located = snapshot.environments.get(environment)
    if located is None:
        known = ", ".join(sorted(snapshot.environments)) or "none"
        raise UsageError(
            f"the repository has no environment {environment!r} at commit {commit[:12]}",
            expected=f"one of: {known}",
            remedy="correct `environment` in the node's settings",
        )
    settings = located.document
    base = snapshot.bases.get((settings.base.name, settings.base.revision))
    if base is None:
        raise _unreadable(f"base {settings.base.name}@{settings.base.revision}", commit)
    aliases = tuple(
        _alias(snapshot, settings, pointer.document, earlier.get(adapter, ()))
        for (where, adapter), pointer in sorted(snapshot.pointers.items())
        if where == environment
    )
    return Desired(commit, environment, base.document, settings.engine.cpu_slots, aliases, settings.engine)


def _alias(snapshot: Snapshot, settings: Environment, pointer: Pointer, earlier: Sequence[str]) -> DesiredAlias:
    lazy = pointer.residency == "lazy"

    def target(revision: str) -> Target:
        located = snapshot.revisions.get(RevisionId(pointer.adapter, revision))
        if located is None:
            raise _unreadable(f"revision {pointer.adapter}@{revision}", snapshot.label)
        document = located.document
        served = ServedName.of(document.adapter, document.revision, document.artifact.digest)
        return Target(str(served), document.artifact, lazy)

    rollback = [revision for revision in earlier if may_serve_again(snapshot, pointer.adapter, revision)]
    named = [revision for revision in pointer.revisions if revision != pointer.active]
    canary = pointer.canary
    kept = [*named, *rollback[: settings.keep_previous]]
    return DesiredAlias(
        pointer.adapter,
        target(pointer.active),
        Split(target(canary.revision), canary.weight, canary.tenants) if canary else None,
        tuple(target(r) for r in dict.fromkeys(kept) if r != pointer.active and not (canary and r == canary.revision)),
    )


def _unreadable(what: str, commit: str) -> DocumentError:
    # An accepted commit passed the checker, so this means that another version of Interlock accepted it.
    remedy = "run: interlock check, with the version of Interlock that runs here"
    return DocumentError(f"{what} cannot be read at commit {commit[:12]}", remedy=remedy)


def may_serve_again(snapshot: Snapshot, adapter: str, revision: str) -> bool:
    """Whether a revision is still in the repository and was not revoked."""
    revoked = snapshot.revocations.document.revoked if snapshot.revocations else ()
    is_revoked = any((entry.adapter, entry.revision) == (adapter, revision) for entry in revoked)
    return RevisionId(adapter, revision) in snapshot.revisions and not is_revoked
