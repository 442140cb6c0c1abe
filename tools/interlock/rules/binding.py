"""Binding: the tokenizer, the chat template and the quantization are those that the adapter was trained with.

Engines do not look: they take the base's tokenizer, and some the one that lies beside the adapter.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.identifiers import Digest, RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision, ArtifactFile
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.positions import Location
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "binding"
CHAT_TEMPLATE = "chat_template.jinja"
TOKENS = frozenset(
    {
        "added_tokens.json",
        "merges.txt",
        "sentencepiece.bpe.model",
        "spiece.model",
        "tekken.json",
        "tokenizer.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
        CHAT_TEMPLATE,
        "chat_template.json",
    }
)
"""Files that decide which tokens a text becomes."""
TOKENIZER_SETTINGS = frozenset({"special_tokens_map.json", "tokenizer_config.json"})
"""Files beside them that every version of transformers writes a little differently."""

_NAMED_ONLY = frozenset({"name", "revision"})
_WATCHED = TOKENS | TOKENIZER_SETTINGS


def base_binding_mismatch(facts: Facts) -> Iterator[Finding]:
    """The adapter was trained with another base, tokenizer, template or quantization than the base revision has."""
    for key, located, base in _with_base(facts):
        if located.document.base.model_fields_set <= _NAMED_ONLY:
            continue
        for where, trained, registered in _bindings(located.document, base):
            if trained is not None and trained != registered:
                reference = located.document.base
                yield Finding(
                    "base-binding-mismatch",
                    located.place("base", *where),
                    f"{key} was trained with the {' '.join(map(str, where))} {trained} of its base",
                    f"{registered or 'none'}, as bases/{reference.name}/{reference.revision}.yaml says",
                    f"register the base that it was trained on, then {remedies.register_again(located.document)}",
                )


def _with_base(facts: Facts) -> Iterator[tuple[RevisionId, Located[AdapterRevision], BaseRevision]]:
    for key, located in facts.revisions.items():
        reference = located.document.base
        base = facts.snapshot.bases.get((reference.name, reference.revision))
        if base:
            yield key, located, base.document


def _bindings(revision: AdapterRevision, base: BaseRevision) -> Iterator[tuple[Location, object, object]]:
    """Where the manifest binds the base, what it says there, and what the base revision says."""
    trained = revision.base
    yield ("digest",), trained.digest, base.digest
    for part in ("tokenizer", "chat_template"):
        seen, registered = getattr(trained, part), getattr(base, part)
        for field in ("digest", "fingerprint"):
            yield (part, field), getattr(seen, field, None), getattr(registered, field, None)
    for field in ("method", "digest"):
        yield (
            ("quantization", field),
            getattr(trained.quantization, field, None),
            getattr(base.quantization, field, None),
        )


def tokenizer_differs_from_base(facts: Facts) -> Iterator[Finding]:
    """Beside the weights lies a tokenizer or a template that is not the base's: engines disagree about which counts."""
    for key, located, base in _with_base(facts):
        for index, file in enumerate(located.document.artifact.files):
            if file.path not in _WATCHED:
                continue
            promised, known = _of_base(file, base)
            if promised != file.digest:
                yield Finding(
                    "tokenizer-differs-from-base",
                    located.place("artifact", "files", index, "path"),
                    f"{file.path} beside {key} {_difference(known, promised)}",
                    "no tokenizer and no template beside the weights, or exactly those of the base",
                    f"remove {file.path} if the adapter was trained with the base's own (else register that), then "
                    + remedies.register_again(located.document),
                    severity=facts.weight_of(key) if not known else _weight(file.path),
                    evaluated=known,
                )


def _of_base(file: ArtifactFile, base: BaseRevision) -> tuple[Digest | None, bool]:
    """The digest of the base's file of the same name (None: it has none), and whether that is known."""
    if base.files:
        return next((other.digest for other in base.files if other.path == file.path), None), True
    if file.path == CHAT_TEMPLATE:
        return (base.chat_template.digest if base.chat_template else None), True
    return None, False


def _difference(known: bool, promised: Digest | None) -> str:
    if not known:
        return "could not be compared: the manifest of its base lists no files"
    return "is not the base's" if promised else "has no counterpart in its base"


def _weight(name: str) -> Severity:
    return Severity.WARNING if name in TOKENIZER_SETTINGS else Severity.ERROR


def quantization_mismatch(facts: Facts) -> Iterator[Finding]:
    """The engine quantizes the base otherwise than its revision says: every adapter meets other weights."""
    for env in facts.environments:
        wanted, reference = env.document.engine.quantization, env.document.base
        base = facts.snapshot.bases.get((reference.name, reference.revision))
        if wanted and base:
            method = base.document.quantization.method if base.document.quantization else None
            if _kernel_free(wanted) != _kernel_free(method or ""):
                yield Finding(
                    "quantization-mismatch",
                    env.place("engine", "quantization"),
                    f"the engine of {env.document.name} serves {reference.name} {reference.revision} quantized with"
                    f" {wanted}, and that revision is {f'quantized with {method}' if method else 'not quantized'}",
                    "a base revision of its own for weights that are quantized in another way",
                    f"{remedies.register_base(reference.name, 'NEW')}; or start the engine without that quantization",
                    environment=env.document.name,
                )


def _kernel_free(method: str) -> str:
    """`gptq-marlin` is `gptq` computed by another kernel."""
    return method.removesuffix("-marlin")


RULES = (
    Rule(
        "base-binding-mismatch",
        "The adapter was trained with another base than it names",
        "Weights of the same shape under another tokenizer, template or quantization load without complaint, and answer"
        " worse than anybody measured.",
        "Register the base that the adapter was really trained on, and name it.",
        FAMILY,
        base_binding_mismatch,
    ),
    Rule(
        "tokenizer-differs-from-base",
        "A tokenizer beside the weights is not the base's",
        "Engines serve all adapters with the tokenizer of the base, and some versions with the one beside the adapter:"
        " the same prompt becomes other tokens than in training.",
        "Remove it from the adapter's directory, or register the base with that tokenizer.",
        FAMILY,
        tokenizer_differs_from_base,
    ),
    Rule(
        "quantization-mismatch",
        "The engine quantizes the base in another way than its revision says",
        "Adapters were evaluated on the weights of the base revision. An engine that quantizes them when it starts"
        " serves other weights under the same name.",
        "Register the quantized base as a revision of its own.",
        FAMILY,
        quantization_mismatch,
    ),
)
