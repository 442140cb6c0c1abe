"""Artifact integrity: the bytes are there, they are exactly the promised ones, and reading them runs no code.

Judges adapter revisions, and bases whose files stand in the repository.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.artifacts.digests import PICKLE_SUFFIXES, file_set_digest
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import AdapterRevision, ArtifactFile
from interlock.documents.positions import Location, Place
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules import remedies
from interlock.rules.facts import ArtifactFacts, Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "integrity"
TENSORS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Files with promised digests: the artifact of a revision, or the files of a base."""

    name: str
    located: Located[Any]
    section: Location
    uri: Location
    files: tuple[ArtifactFile, ...]
    facts: ArtifactFacts
    severity: Severity

    @property
    def register(self) -> str:
        """The command that describes these bytes anew."""
        document = self.located.document
        if isinstance(document, AdapterRevision):
            return remedies.register_again(document)
        return remedies.register_base(document.name, document.revision)

    def place(self, index: int | None = None, field: str = "") -> Place:
        """Where the list of files stands, one of its entries, or one field of an entry."""
        inner = () if index is None else (index, field) if field else (index,)
        return self.located.place(*self.section, "files", *inner)


def _adapters(facts: Facts) -> tuple[_Bundle, ...]:
    return facts.once("bundles of adapters", lambda facts: tuple(_adapter_bundles(facts)))


def _adapter_bundles(facts: Facts) -> Iterator[_Bundle]:
    section, uri = ("artifact",), ("artifact", "uri")
    for key, located in facts.revisions.items():
        known = facts.artifacts.get(key)
        if known:
            files = located.document.artifact.files
            yield _Bundle(f"{key}", located, section, uri, files, known, facts.weight_of(key))


def _bases(facts: Facts) -> Iterator[_Bundle]:
    for (name, revision), known in facts.bases.items():
        located = facts.known_bases[name, revision]
        title, uri = f"base {name} {revision}", ("source", "uri")
        yield _Bundle(title, located, (), uri, located.document.files, known, Severity.ERROR)


def _bundles(facts: Facts) -> tuple[_Bundle, ...]:
    return facts.once("bundles", lambda facts: (*_adapters(facts), *_bases(facts)))


def artifact_unreachable(facts: Facts) -> Iterator[Finding]:
    """The bytes are kept where this check cannot look: nothing is known about them."""
    for bundle in _bundles(facts):
        if bundle.facts.unreachable:
            yield Finding(
                "artifact-unreachable",
                bundle.located.place(*bundle.uri),
                f"the files of {bundle.name} could not be looked at: {bundle.facts.unreachable}",
                "files that can be read here, so that their digests and shapes can be judged",
                "name the host (interlock check --artifacts-from HOST), or run the check where the address can be read",
                severity=bundle.severity,
                evaluated=False,
            )


def artifact_missing(facts: Facts) -> Iterator[Finding]:
    """Promised files are not there."""
    for bundle in _bundles(facts):
        if bundle.facts.missing:
            yield Finding(
                "artifact-missing",
                bundle.located.place(*bundle.uri),
                f"the files of {bundle.name} are not there: {bundle.facts.missing}",
                ", ".join(file.path for file in bundle.files[:8]),
                f"add the files (git status shows what is not committed), or {bundle.register}",
            )
        elif not bundle.facts.unreachable:
            yield from _absent_files(bundle)


def _absent_files(bundle: _Bundle) -> Iterator[Finding]:
    for index, file in enumerate(bundle.files):
        if file.path not in bundle.facts.files:
            strange = bundle.facts.strange.get(file.path)
            yield Finding(
                "artifact-missing",
                bundle.place(index, "path"),
                f"{file.path} of {bundle.name} is {f'a {strange}' if strange else 'not there'}",
                f"a file of {file.size} bytes with the digest {file.digest}",
                f"add the file (git status shows what is not committed), or {bundle.register}",
            )


def required_file_unlisted(facts: Facts) -> Iterator[Finding]:
    """An adapter without the two files that make an adapter."""
    for bundle in _adapters(facts):
        names = {file.path for file in bundle.files}
        for name in (TENSORS, SETTINGS):
            if name not in names:
                yield Finding(
                    "required-file-unlisted",
                    bundle.place(),
                    f"{name} is not among the files of {bundle.name}",
                    f"the files that PEFT saves: {TENSORS} and {SETTINGS}",
                    f"save the adapter with save_pretrained(…, safe_serialization=True), then {bundle.register}",
                )


def duplicate_file(facts: Facts) -> Iterator[Finding]:
    """One file is listed twice, so it has two promised digests."""
    for bundle in _bundles(facts):
        counts = Counter(file.path.casefold() for file in bundle.files)
        for index, file in enumerate(bundle.files):
            folded = file.path.casefold()
            if counts[folded] > 1 and folded in {other.path.casefold() for other in bundle.files[:index]}:
                yield Finding(
                    "duplicate-file",
                    bundle.place(index, "path"),
                    f"{file.path} is listed twice in the files of {bundle.name}",
                    "every file once, and no two names that differ in case only",
                    bundle.register,
                )


def size_mismatch(facts: Facts) -> Iterator[Finding]:
    """A file is shorter or longer than promised: half copied, or another file."""
    for bundle, index, file in _present(facts):
        found = bundle.facts.files[file.path]
        if found.size != file.size:
            yield Finding(
                "size-mismatch",
                bundle.place(index, "size"),
                f"{file.path} of {bundle.name} has {found.size} bytes{' or more' if found.at_least else ''}",
                f"{file.size} bytes",
                f"copy {file.path} again, or {bundle.register}",
            )


def digest_mismatch(facts: Facts) -> Iterator[Finding]:
    """A file holds other bytes than promised."""
    for bundle, index, file in _present(facts):
        found = bundle.facts.files[file.path]
        if found.digest and found.size == file.size and found.digest != file.digest:
            yield Finding(
                "digest-mismatch",
                bundle.place(index, "digest"),
                f"{file.path} of {bundle.name} has the digest {found.digest}",
                f"{file.digest}",
                f"put the registered bytes back, or {bundle.register} to make a new revision of the new ones",
            )


def _present(facts: Facts) -> Iterator[tuple[_Bundle, int, ArtifactFile]]:
    for bundle in _bundles(facts):
        for index, file in enumerate(bundle.files):
            if file.path in bundle.facts.files:
                yield bundle, index, file


def artifact_digest_mismatch(facts: Facts) -> Iterator[Finding]:
    """The digest of the whole is not that of the listed files."""
    for name, located, location, promised, files, register in _file_sets(facts):
        actual = file_set_digest(files)
        if files and actual != promised:
            yield Finding(
                "artifact-digest-mismatch",
                located.place(*location),
                f"{name} says that its files have the digest {promised} together",
                f"{actual}, which is the digest of the files that it lists",
                register,
            )


def _file_sets(
    facts: Facts,
) -> Iterator[tuple[str, Located[Any], Location, Digest, tuple[ArtifactFile, ...], str]]:
    """Every list of files with the digest of the whole, whether or not the bytes can be looked at."""
    for key, revision in facts.revisions.items():
        artifact = revision.document.artifact
        location = ("artifact", "digest")
        yield str(key), revision, location, artifact.digest, artifact.files, remedies.register_again(revision.document)
    for (name, version), located in facts.known_bases.items():
        base, again = located.document, remedies.register_base(name, version)
        yield f"base {name} {version}", located, ("digest",), base.digest, base.files, again


def unlisted_file(facts: Facts) -> Iterator[Finding]:
    """A file beside the promised ones, that nobody vouched for and an engine may read."""
    for bundle in _adapters(facts):
        signature = bundle.located.document.artifact.signature
        listed_names = {file.path for file in bundle.files} | ({signature.path} if signature else set())
        surplus = sorted((bundle.facts.files.keys() | bundle.facts.strange.keys()) - listed_names)
        if surplus:
            yield Finding(
                "unlisted-file",
                bundle.place(),
                f"beside the files of {bundle.name} lies what is not listed: {listed(surplus)}",
                "only the listed files: " + listed(sorted(listed_names), limit=8),
                f"remove it, or {bundle.register}",
            )


def pickle_file(facts: Facts) -> Iterator[Finding]:
    """Weights in a pickle container: reading them can run code."""
    for bundle in _adapters(facts):
        places = {file.path: index for index, file in enumerate(bundle.files)}
        for name in sorted({*places, *bundle.facts.files}):
            if name.lower().endswith(PICKLE_SUFFIXES):
                yield Finding(
                    "pickle-file",
                    bundle.place(places[name], "path") if name in places else bundle.place(),
                    f"{name} of {bundle.name} is a pickle: whoever made it can run code where it is loaded",
                    f"{TENSORS}",
                    f"save the adapter with save_pretrained(…, safe_serialization=True), then {bundle.register}",
                )


def unreadable_tensors(facts: Facts) -> Iterator[Finding]:
    """The tensor file is not well formed."""
    for bundle in _adapters(facts):
        if bundle.facts.table_error:
            yield Finding(
                "unreadable-tensors",
                _file_place(bundle, TENSORS),
                f"{bundle.name}: {bundle.facts.table_error}",
                "a well-formed safetensors file",
                f"copy or save the file again, then {bundle.register}",
            )


def unreadable_adapter_config(facts: Facts) -> Iterator[Finding]:
    """The adapter's settings are not well formed."""
    for bundle in _adapters(facts):
        if bundle.facts.config_error:
            yield Finding(
                "unreadable-adapter-config",
                _file_place(bundle, SETTINGS),
                f"{bundle.name}: {bundle.facts.config_error}",
                "the adapter_config.json that PEFT saves",
                f"save the adapter again, then {bundle.register}",
            )


def _file_place(bundle: _Bundle, name: str) -> Place:
    indexes = [index for index, file in enumerate(bundle.files) if file.path == name]
    return bundle.place(indexes[0], "path") if indexes else bundle.place()


_CHANGED = (
    "The digest in the name under which an engine serves an adapter would lie, and a rollback would bring back other"
    " bytes than those that were approved."
)

RULES = (
    Rule(
        "artifact-unreachable",
        "The bytes could not be looked at",
        "What cannot be looked at cannot be vouched for; a promotion waits until it can.",
        "Name its host with `--artifacts-from`, or run the check where the address can be read.",
        FAMILY,
        artifact_unreachable,
    ),
    Rule(
        "artifact-missing",
        "Promised files are not there",
        "Nodes could not load the revision, and a rollback to it would fail.",
        "Add the files, or register the ones that are there as a new revision.",
        FAMILY,
        artifact_missing,
    ),
    Rule(
        "required-file-unlisted",
        "An adapter without weights or settings",
        "Every engine reads adapter_model.safetensors and adapter_config.json and fails without them.",
        "Save the adapter with PEFT and register it.",
        FAMILY,
        required_file_unlisted,
    ),
    Rule("duplicate-file", "A file is listed twice", _CHANGED, "Register the directory again.", FAMILY, duplicate_file),
    Rule("size-mismatch", "A file has another size than promised", _CHANGED, "Copy it again.", FAMILY, size_mismatch),
    Rule("digest-mismatch", "A file holds other bytes", _CHANGED, "Put the bytes back.", FAMILY, digest_mismatch),
    Rule(
        "artifact-digest-mismatch",
        "The digest of the whole does not belong to the listed files",
        _CHANGED,
        "Register the directory again instead of editing the manifest.",
        FAMILY,
        artifact_digest_mismatch,
    ),
    Rule(
        "unlisted-file",
        "A file that nobody vouched for",
        "Engines read what they find in the directory, listed or not.",
        "Remove it, or register the directory again.",
        FAMILY,
        unlisted_file,
    ),
    Rule(
        "pickle-file",
        "Weights in a pickle",
        "Loading a pickle runs whatever its maker put into it, with the rights of the serving process.",
        "Save as safetensors.",
        FAMILY,
        pickle_file,
    ),
    Rule(
        "unreadable-tensors",
        "The weights cannot be read",
        "Engines fail on a broken file, some of them for every adapter that they serve.",
        "Save or copy the file again and register it.",
        FAMILY,
        unreadable_tensors,
    ),
    Rule(
        "unreadable-adapter-config",
        "The adapter's settings cannot be read",
        "Rank, scaling and target modules stand there; without them nothing about the adapter can be judged.",
        "Save the adapter again and register it.",
        FAMILY,
        unreadable_adapter_config,
    ),
)
