"""Retention: what a rollback needs is not removed."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.identifiers import RevisionId
from interlock.documents.positions import Place
from interlock.findings.finding import Finding
from interlock.rules.change import Change, Touch
from interlock.rules.remedies import restore
from interlock.rules.rule import TransitionRule

FAMILY = "retention"


def rollback_target_removed(change: Change) -> Iterator[Finding]:
    """Files of a revision that a pointer names, or would roll back to, are removed from the repository."""
    removed = [path for path, touch in change.touched.items() if touch is Touch.REMOVED]
    if not removed:
        return
    needed = _needed(change)
    for key, located in change.base.revisions.items():
        directory = _directory(located.document.artifact.uri)
        if key not in needed or not directory:
            continue
        for path in removed:
            if path.startswith(f"{directory}/"):
                yield Finding(
                    "rollback-target-removed",
                    Place(path),
                    f"{path} is removed, and {needed[key]} {key}",
                    "the bytes of every revision that is served or may be rolled back to",
                    restore(directory, change.base.label),
                )


def _directory(uri: str) -> str:
    inside = uri.startswith("file:") and not uri.startswith("file:///")
    return uri.removeprefix("file:").rstrip("/") if inside else ""


def _needed(change: Change) -> dict[RevisionId, str]:
    """Every revision that must stay, with the reason."""
    needed: dict[RevisionId, str] = {}
    for (environment, adapter), located in change.base.pointers.items():
        for revision in located.document.revisions:
            needed.setdefault(RevisionId(adapter, revision), f"{environment} names")
        for revision in _targets(change, environment, adapter):
            needed.setdefault(RevisionId(adapter, revision), f"{environment} may roll back to")
    return needed


def _targets(change: Change, environment: str, adapter: str) -> list[str]:
    """The last revisions that were active before the present one, as many as environment and policies keep."""
    env = change.environment(environment)
    keep = max(env.document.keep_previous if env else 1, change.policy(environment).value("retention.keep", 0))
    activations = change.history(environment, adapter).activations
    distinct = dict.fromkeys(activation.active for activation in activations if activation.active)
    return list(distinct)[1 : keep + 1]


RULES = (
    TransitionRule(
        "rollback-target-removed",
        "The bytes of a rollback target are removed",
        "The next rollback would find nothing to load, at the moment when it is needed most.",
        "Keep the files until no environment names the revision or may roll back to it.",
        FAMILY,
        rollback_target_removed,
    ),
)
