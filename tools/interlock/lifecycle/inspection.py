"""Says what something in the repository is: a revision, an adapter, a base or an environment, as plain values.

Called by `interlock inspect`, which prints the values as JSON or as an outline. Every description is a mapping whose
first key is `kind`; the shape of each kind is stable, fields may be added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.artifacts.lora_tensors import LoraPairs
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.adapter_revision import AdapterRevision, BaseReference, PeftSettings
from interlock.documents.snapshot import Snapshot
from interlock.findings.finding import Finding
from interlock.findings.report_json import finding_document
from interlock.history.way_back import WayBack
from interlock.lifecycle.known_names import known_adapter, known_base, known_environment, known_revision
from interlock.lifecycle.rollback import revoked_revisions
from interlock.rules.facts import ArtifactFacts

Description = dict[str, Any]
Ways = Callable[[str, str], WayBack | None]
"""Gives the way back of (environment, adapter), None where there is no history to read."""


def describe_revision(
    snapshot: Snapshot, revision: RevisionId, facts: ArtifactFacts | None, findings: list[Finding]
) -> Description:
    """One adapter revision: its bytes, settings, origin, and where it is served.

    Raises:
        UsageError: there is no such revision.
    """
    located = known_revision(snapshot, revision)
    document = located.document
    return {
        "kind": "AdapterRevision",
        "name": str(revision),
        "path": located.path,
        "served_name": _served_name(document),
        "base": _at(document.base),
        "revoked": revision.revision in revoked_revisions(snapshot, revision.adapter),
        "served_in": served_in(snapshot, revision),
        "artifact": {
            "uri": document.artifact.uri,
            "digest": str(document.artifact.digest),
            "size": document.artifact.size,
            "files": [file.model_dump(mode="json") for file in document.artifact.files],
        },
        "peft": settings_of(document.peft),
        "tensors": _bytes_seen(facts),
        "provenance": document.provenance.model_dump(mode="json", exclude_none=True),
        "datasets": [dataset.model_dump(mode="json", exclude_none=True) for dataset in document.datasets],
        "lineage": document.lineage.model_dump(mode="json"),
        "findings": [finding_document(finding) for finding in findings],
    }


def describe_adapter(snapshot: Snapshot, name: str) -> Description:
    """One adapter: who owns it, its revisions, and which of them is active where.

    Raises:
        UsageError: there is no such adapter.
    """
    known_adapter(snapshot, name)
    located = snapshot.adapters.get(name)
    revoked = revoked_revisions(snapshot, name)
    revisions = sorted(
        (key for key in snapshot.revisions if key.adapter == name), key=lambda key: natural(key.revision)
    )
    return {
        "kind": "Adapter",
        "name": name,
        "description": located.document.description if located else None,
        "owners": located.document.owners.model_dump(mode="json") if located else None,
        "risk": located.document.risk.tier if located else None,
        "revisions": [
            {
                "revision": key.revision,
                "base": _at(snapshot.revisions[key].document.base),
                "digest": str(snapshot.revisions[key].document.artifact.digest),
                "revoked": key.revision in revoked,
                "served_in": served_in(snapshot, key),
            }
            for key in revisions
        ],
    }


def describe_base(snapshot: Snapshot, name: str, revision: str) -> Description:
    """One base revision: its shape and digests, the adapters on it and the environments that serve it.

    Raises:
        UsageError: there is no such base.
    """
    located = known_base(snapshot, name, revision)
    document = located.document
    reference = BaseReference(name=name, revision=revision)
    return {
        "kind": "BaseRevision",
        "name": f"{name}@{revision}",
        "path": located.path,
        "digest": str(document.digest),
        "source": document.source.model_dump(mode="json", exclude_none=True),
        "license": document.license,
        "config": document.config.model_dump(mode="json", exclude_none=True),
        "modules": sum(module.layers or 1 for module in document.modules),
        "tokenizer": document.tokenizer.model_dump(mode="json"),
        "chat_template": document.chat_template.model_dump(mode="json") if document.chat_template else None,
        "quantization": document.quantization.model_dump(mode="json") if document.quantization else None,
        "adapters": sorted(
            str(key) for key, item in snapshot.revisions.items() if item.document.base.reference == reference
        ),
        "environments": sorted(key for key, item in snapshot.environments.items() if item.document.base == reference),
    }


def describe_environment(snapshot: Snapshot, name: str, ways: Ways) -> Description:
    """One environment: its base, engine limits, and for every adapter what is served and where a rollback goes.

    Raises:
        UsageError: there is no such environment.
    """
    located = known_environment(snapshot, name)
    document = located.document
    return {
        "kind": "Environment",
        "name": name,
        "path": located.path,
        "base": _at(document.base),
        "engine": document.engine.model_dump(mode="json", exclude_none=True),
        "upstream": document.upstream,
        "protected": document.protected,
        "keep_previous": document.keep_previous,
        "serves": [
            _pointer(snapshot, name, adapter, ways(name, adapter))
            for environment, adapter in sorted(snapshot.pointers)
            if environment == name
        ],
    }


def served_in(snapshot: Snapshot, revision: RevisionId) -> dict[str, list[str]]:
    """The environments whose pointer names a revision, by role: `active`, `canary`, `shadow` or `kept`."""
    uses: dict[str, list[str]] = {}
    for (environment, adapter), located in sorted(snapshot.pointers.items()):
        pointer = located.document
        named = {
            "active": {pointer.active},
            "canary": {pointer.canary.revision} if pointer.canary else set(),
            "shadow": {pointer.shadow.revision} if pointer.shadow else set(),
            "kept": set(pointer.keep),
        }
        for role in (role for role, those in named.items() if revision.revision in those):
            if adapter == revision.adapter:
                uses.setdefault(role, []).append(environment)
    return uses


def settings_of(peft: PeftSettings) -> dict[str, Any]:
    """The PEFT settings as plain values."""
    return peft.model_dump(mode="json", exclude_defaults=True)


def tensors_of(pairs: LoraPairs) -> dict[str, Any]:
    """What the tensors of an adapter are, counted."""
    return {
        "modules": len(pairs.pairs),
        "largest_rank": pairs.max_rank,
        "parameters": sum(pair.rank * (pair.inputs + pair.outputs) for pair in pairs.pairs.values()),
        "types": dict(pairs.dtypes),
        "saved_modules": sorted(pairs.saved),
        "problems": [f"{problem.tensor}: {problem.why}" for problem in pairs.problems],
    }


def natural(revision: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts revision 10 after 9."""
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in revision.replace("-", ".").split(".")
    )


def _bytes_seen(facts: ArtifactFacts | None) -> dict[str, Any]:
    if facts is None:
        return {"seen": False, "why": "the bytes were not looked at"}
    if facts.pairs is None:
        why = facts.unreachable or facts.missing or facts.table_error or "the bytes were not looked at"
        return {"seen": False, "why": why}
    return {"seen": True, **tensors_of(facts.pairs)}


def _pointer(snapshot: Snapshot, environment: str, adapter: str, way: WayBack | None) -> dict[str, Any]:
    pointer = snapshot.pointers[environment, adapter].document
    active = snapshot.revisions.get(RevisionId(adapter, pointer.active))
    return {
        "adapter": adapter,
        "active": pointer.active,
        "served_name": _served_name(active.document) if active else None,
        "canary": pointer.canary.model_dump(mode="json", exclude_defaults=True) if pointer.canary else None,
        "shadow": pointer.shadow.model_dump(mode="json", exclude_defaults=True) if pointer.shadow else None,
        "keep": list(pointer.keep),
        "residency": pointer.residency,
        "rollback_to": way.target if way else None,
        "served_before": [*way.candidates, *way.former] if way else [],
    }


def _served_name(document: AdapterRevision) -> str:
    return str(ServedName.of(document.adapter, document.revision, document.artifact.digest))


def _at(reference: BaseReference) -> str:
    return f"{reference.name}@{reference.revision}"
