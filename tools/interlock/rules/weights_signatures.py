"""Signatures over the files of a revision: one that is named must be one, over exactly these files.

Whose key made it, and whether that key may sign, is judged when a revision is promoted (`transitions.signers`): keys
retire, and what they signed before is not broken by it.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "integrity"


def signature_invalid(facts: Facts) -> Iterator[Finding]:
    """A manifest names a signature that is none, or is not over its files."""
    for key, known in facts.signatures.items():
        located = facts.revisions[key]
        signature = located.document.artifact.signature
        name = signature.path if signature else ""
        if known.unread:
            yield Finding(
                "signature-invalid",
                located.place("artifact", "signature", "path"),
                f"the signature {name} of {key} could not be looked at: {known.unread}",
                "a signature that can be read and verified here",
                "run the check where the address can be read, with: pip install 'interlock[signatures]'",
                severity=facts.weight_of(key),
                evaluated=False,
            )
        elif known.flaw:
            yield Finding(
                "signature-invalid",
                located.place("artifact", "signature", "path"),
                f"the signature {name} of {key} is not valid: {known.flaw}",
                "a signature of OpenSSF model-signing over exactly the files of the revision",
                f"{remedies.register_again(located.document)} --sign KEY",
            )


RULES = (
    Rule(
        "signature-invalid",
        "The signature over the weights is not valid",
        "Somebody changed weights, manifest or signature after the builder had signed, or it never was a signature.",
        "Find out which of them changed. Then register the bytes that the builder signed as a new revision.",
        FAMILY,
        signature_invalid,
    ),
)
