"""Proof that the engine serves what it says: the right tokenizer and template, and adapters that have an effect.

An engine answers 200 to an adapter of another base and then serves the base under the adapter's name. So nothing is
routed before the live engine has shown it.
"""

from __future__ import annotations

from pathlib import Path

from interlock.artifacts.base_directory import verify_base
from interlock.artifacts.file_memory import FileMemory
from interlock.artifacts.fingerprints import CLOCK_DEPENDENT, PROBE_CONVERSATIONS, PROBE_TEXTS, fingerprint
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.engines.driver import Capabilities, EngineDriver, Message
from interlock.errors import ArtifactCorrupt


class BaseMismatch(ArtifactCorrupt):
    """The engine, or the directory that it serves from, is not the base revision that the environment names."""


def prove_base_files(directory: Path, base: BaseRevision, memory: FileMemory) -> None:
    """Compare the base directory on this node with the base revision; unchanged files are read only once.

    Raises:
        BaseMismatch: names each part that differs (`chat_template`, `tokenizer`, `config`, `weights: FILE`).
    """
    differing = verify_base(directory, base, memory)
    if differing:
        raise BaseMismatch(
            f"{', '.join(differing)} in {directory} differs from base {base.name}@{base.revision}",
            expected=f"the files that bases/{base.name}/{base.revision}.yaml describes",
            remedy="restore those files, restart the engine, and run: interlock sync --once",
        )


def not_shown(capabilities: Capabilities) -> tuple[str, ...]:
    """What of the base an engine of this kind does not show while it runs; only its files can be compared then."""
    tokenizer = () if capabilities.tokenizes else ("tokenizer",)
    return tokenizer if capabilities.templates else (*tokenizer, "chat template")


def require_base_files(driver: EngineDriver, directory: Path | None) -> None:
    """Refuse to call a base proven of which neither the running engine nor its files are seen.

    Raises:
        BaseMismatch: the engine does not show everything, and the settings name no base directory.
    """
    unseen = not_shown(driver.capabilities)
    if unseen and directory is None:
        raise BaseMismatch(
            f"this kind of engine does not show its {' and its '.join(unseen)} while it runs",
            expected="engine.base_directory in the node's settings, so that the files can be compared instead",
            remedy="name the directory that the engine serves its base from, and start the agent again",
        )


def prove_base_answers(driver: EngineDriver, base: BaseRevision) -> None:
    """Ask the live engine for the token ids of fixed probes and compare their fingerprints, as far as it shows them.

    Raises:
        BaseMismatch: the tokenizer or the chat template of the running engine is another one.
        EngineError: the engine did not answer.
    """
    shows = driver.capabilities
    if shows.tokenizes:
        texts = fingerprint([driver.tokenize_text(text) for text in PROBE_TEXTS])
        _compare("tokenizer", str(texts), str(base.tokenizer.fingerprint), base)
    # A template that writes today's date has no fingerprint; its file is compared by `prove_base_files` all the same.
    if shows.templates and base.chat_template and base.chat_template.fingerprint != CLOCK_DEPENDENT:
        conversations = [[Message(role, content) for role, content in talk] for talk in PROBE_CONVERSATIONS]
        talks = fingerprint([driver.tokenize_conversation(talk) for talk in conversations])
        _compare("chat_template", str(talks), str(base.chat_template.fingerprint), base)


def _compare(what: str, found: str, expected: str, base: BaseRevision) -> None:
    if found != expected:
        raise BaseMismatch(
            f"the running engine's {what} behaves differently from base {base.name}@{base.revision}",
            expected=f"{what} fingerprint {expected}, the engine's is {found}",
            remedy=f"start the engine on base {base.name}@{base.revision}, or register the base that it really serves",
        )
