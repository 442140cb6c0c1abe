"""What a node demands of a commit, by its settings and by whether its environment is protected. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from interlock.documents.kinds.node import NodeTrust
from interlock.documents.layout import classify
from interlock.documents.public_keys import public_key
from interlock.rules.approval_decisions import is_guard

Approval = Literal["either", "attestation", "approvals", "none"]


@dataclass(frozen=True, slots=True)
class Root:
    """Where trust begins: a commit, or the fingerprints of keys one of which signed a commit."""

    commit: str | None = None
    keys: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """How a record names it: another root has another name."""
        if self.commit:
            return f"commit:{self.commit}"
        return f"keys:{hashlib.sha256(' '.join(sorted(self.keys)).encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Demands:
    """`signatures` over the whole range; `approval` of each commit that touches the environment.

    `opted_out` says that a protected environment would demand more, and that the operator wrote otherwise.
    """

    signatures: bool = False
    approval: Approval = "none"
    opted_out: bool = False

    @property
    def any(self) -> bool:
        """Whether anything is demanded beyond the verdict on the tree."""
        return self.signatures or self.approval != "none"

    @property
    def told(self) -> str:
        """What is demanded, in words."""
        approval = {
            "either": "an attestation or the signed approvals of each change",
            "attestation": "an attestation of each change",
            "approvals": "the signed approvals of each change",
            "none": "no approvals",
        }[self.approval]
        return f"{'a signature on each commit' if self.signatures else 'no signatures'}, {approval}"


def demands_of(trust: NodeTrust, *, protected: bool) -> Demands:
    """The demands that hold for an environment; `protected` where either side of a change says so."""
    if trust.require:
        strict = trust.require.signatures and trust.require.approval != "none"
        return Demands(trust.require.signatures, trust.require.approval, opted_out=protected and not strict)
    if not protected:
        return Demands()
    if trust.protected == "unverified":
        return Demands(opted_out=True)
    return Demands(signatures=True, approval="either")


def root_of(trust: NodeTrust) -> Root | None:
    """The root of trust in the settings."""
    if trust.root is None:
        return None
    return Root(trust.root.commit, frozenset(public_key(key).fingerprint for key in trust.root.keys))


def concerns(environment: str, touched: Iterable[tuple[str, str]], served: frozenset[str]) -> bool:
    """Whether a commit needs approval before a node of `environment` applies it.

    `touched` are paths with git's letter for the change, `served` the adapters that have a pointer there. The
    environment's own files always do, and what decides about later changes. A new record does not, because nothing
    names it yet; one that is changed or removed does, and so does what decides the risk tier of a served adapter.
    """
    return any(_concerns(environment, path, letter, served) for path, letter in touched)


def _concerns(environment: str, path: str, letter: str, served: frozenset[str]) -> bool:
    if is_guard(path) or path.startswith(f"environments/{environment}/"):
        return True
    found = classify(path)
    if found.kind == "Adapter":
        return found.values[0] in served
    return letter != "A" and found.kind in ("AdapterRevision", "BaseRevision")
