"""Who signed the weights of what is promoted: a builder of the roster, with a key that counts today.

Judged where the environment is protected or its policies ask for signatures; roster and policies are those of the
trusted side. Promotions are judged and rollbacks are not: what was served before was signed by keys that may have
retired since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from interlock.approvals.keys import KeyRing
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.change import Change, PointerStep, promoted, revision_place
from interlock.rules.facts import SignatureFacts
from interlock.rules.rule import TransitionRule

FAMILY = "integrity"
BUILDER = "builder"


def signature_missing(change: Change) -> Iterator[Finding]:
    """The policies ask for signed weights, and the revision names no signature."""
    for step, key, revision in promoted(change):
        if _asked(change, step) and revision.document.artifact.signature is None:
            yield Finding(
                "signature-missing",
                revision_place(step, key),
                f"the weights of {key} are not signed ({revision.path})",
                f"artifact.signature: the policies of {step.environment} say weights_signature: required",
                f"{remedies.register_again(revision.document)} --sign KEY",
                environment=step.environment,
            )


def signer_not_builder(change: Change) -> Iterator[Finding]:
    """The weights were signed by somebody who is no builder, or no builder any more."""
    today = change.now.astimezone(dt.UTC).date()
    ring = KeyRing.of(change.base.roster.document if change.base.roster else None, today)
    for step, key, revision in promoted(change):
        known = change.head.signatures.get(key)
        env = change.environment(step.environment)
        judged = _asked(change, step) or (env is not None and env.document.protected)
        if judged and known and not known.flaw and (why := _why_not(revision, known, ring, today)):
            yield _refused(step, key, revision, why, evaluated=not known.unread)


def _refused(
    step: PointerStep, key: RevisionId, revision: Located[AdapterRevision], why: str, *, evaluated: bool
) -> Finding:
    return Finding(
        "signer-not-builder",
        revision_place(step, key),
        f"the signature over the weights of {key} does not count: {why}",
        f"the signature of a machine with the role {BUILDER} in policies/roster.yaml, by a key that counts today",
        f"{remedies.register_again(revision.document)} --sign KEY",
        evaluated=evaluated,
        environment=step.environment,
    )


def _why_not(revision: Located[AdapterRevision], known: SignatureFacts, ring: KeyRing, today: dt.date) -> str:
    """Why a signature is no builder's, as a sentence; empty where it is."""
    signature = revision.document.artifact.signature
    signer = signature.signer if signature else ""
    if known.unread:
        return f"it could not be looked at: {known.unread}"
    if known.stranger:
        return "no key of the roster made it"
    if why := ring.why_not(known.fingerprint):
        return why
    holder = ring.holder(known.fingerprint)
    if holder is None or not holder.is_machine or BUILDER not in holder.roles:
        return f"{holder.name if holder else 'nobody'} made it, who is no {BUILDER}"
    if holder.name != signer:
        return f"{holder.name} made it, and the manifest says that {signer} did"
    if known.days and not known.days[0] <= today <= known.days[1]:
        return f"the certificate of {signer} is good from {known.days[0]} to {known.days[1]}, and not today"
    return ""


def _asked(change: Change, step: PointerStep) -> bool:
    return bool(change.policy(step.environment).value("weights_signature") == "required")


RULES = (
    TransitionRule(
        "signature-missing",
        "The policies ask for signed weights, and these are not signed",
        "Whoever can write where the bytes lie can register other bytes; a signature shows that a builder made these.",
        "Let a builder of the roster sign the files, and register them as a new revision.",
        FAMILY,
        signature_missing,
    ),
    TransitionRule(
        "signer-not-builder",
        "The weights were signed by somebody who is no builder",
        "Anybody can sign; only the keys of builders say that the weights come from a pipeline that people know.",
        "Let a builder of the roster sign with a key that counts today, and register a new revision.",
        FAMILY,
        signer_not_builder,
    ),
)
