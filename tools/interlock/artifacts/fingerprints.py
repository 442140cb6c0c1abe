"""How a tokenizer and a chat template behave: the digest of the token ids that fixed probes turn into.

Files may be equal and the engine still run another tokenizer or template (a flag, a cache, a patch). So register
fingerprints the files, with transformers, and the agent asks the running engine the same through its `POST /tokenize`:

    texts           {"prompt": TEXT, "add_special_tokens": true}
    conversations   {"messages": [{"role": …, "content": …}, …], "add_generation_prompt": true,
                     "add_special_tokens": false}

Conversations alternate user and assistant and begin with user: many templates refuse anything else, and some refuse a
system message. Each probe is at most 80 bytes of text, so under 100 tokens of any tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from interlock.artifacts.digests import digest_of
from interlock.artifacts.tokenizer_files import chat_template_digest
from interlock.documents.identifiers import Digest
from interlock.errors import ArtifactCorrupt, UsageError


class ProbeMessage(NamedTuple):
    """One turn of a probe conversation."""

    role: str
    content: str


PROBE_TEXTS: tuple[str, ...] = (
    "The quick brown fox jumps over the lazy dog.",
    "  two spaces before,\ta tab, a line break\nand a space after ",
    "0123456789 3.14159 1e-6 2026-11-22 $1,234.56",
    "def f(x):\n    return {k: v for k, v in x.items() if v != None}",
    'https://example.com/a?b=c&d=%20 <b>bold</b> \\n "quoted" it\'s',
    "Grüße, naïve façade, Здравствуй, καλημέρα",
    "你好，世界。こんにちは 안녕하세요",
    "🙂👩‍💻 e\u0301 ﬁ ½ ™ \u00a0\u200b",
    "<s> </s> <|user|> <|im_end|> [INST] <unk> <pad>",
)
PROBE_CONVERSATIONS: tuple[tuple[ProbeMessage, ...], ...] = (
    (ProbeMessage("user", "Where is my order?"),),
    (
        ProbeMessage("user", "Hello!"),
        ProbeMessage("assistant", "Hello, what can I do for you?"),
        ProbeMessage("user", " I want my money back \n"),
    ),
    (
        ProbeMessage("user", "SELECT 1;"),
        ProbeMessage("assistant", "<think>one</think>1"),
        ProbeMessage("user", "日本語で"),
    ),
)


def fingerprint(token_ids: Sequence[Sequence[int]]) -> Digest:
    """Return the digest of the token ids of all probes: over JSON without blanks, `[[1,17,4],[1,9]]`."""
    return digest_of([json.dumps([list(ids) for ids in token_ids], separators=(",", ":")).encode()])


_ON_A_DAY = "{{% macro strftime_now(format) %}}{}{{% endmacro %}}"
"""Put before a template: hides the function through which transformers tells templates what day it is."""

CLOCK_DEPENDENT = fingerprint(())
"""Stands for a template that writes today's date into the prompt: there are no token ids that could be compared."""


def local_fingerprints(directory: Path) -> tuple[Digest, Digest | None]:
    """Fingerprint the tokenizer and the chat template in `directory`; None where there is no template.

    The second one is `CLOCK_DEPENDENT` for a template whose output changes with the date.

    Raises:
        UsageError: transformers is not installed.
        ArtifactCorrupt: transformers cannot load the tokenizer, or the template refuses a probe.
    """
    tokenizer = _load_tokenizer(directory)
    texts = fingerprint([tokenizer.encode(text, add_special_tokens=True) for text in PROBE_TEXTS])
    if chat_template_digest(directory) is None:
        return texts, None
    template = _template(tokenizer, directory)
    days = [_render(tokenizer, directory, _ON_A_DAY.format(day) + template) for day in ("one", "another")]
    if days[0] != days[1]:
        return texts, CLOCK_DEPENDENT
    rendered = _render(tokenizer, directory, template)
    return texts, fingerprint([tokenizer.encode(text, add_special_tokens=False) for text in rendered])


def _load_tokenizer(directory: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise UsageError(
            "transformers is not installed, and reading a tokenizer needs it",
            remedy='in a clone of Interlock, run: pip install ".[tokenizer]"',
        ) from error
    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # The Rust side of a tokenizer raises Exception itself, so nothing narrower can be named.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError | TypeError):
            raise
        raise ArtifactCorrupt(
            f"the tokenizer in {directory} cannot be loaded: {error}",
            expected="tokenizer files that transformers reads without code of their own",
            remedy="copy the tokenizer files again from where the base came from",
        ) from error


def _template(tokenizer: Any, directory: Path) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:
        raise ArtifactCorrupt(
            f"{directory} holds several chat templates and none is the default: {error}",
            expected="one chat template, or one that is named default",
            remedy="name one of the templates in tokenizer_config.json default",
        ) from error


def _render(tokenizer: Any, directory: Path, template: str) -> list[str]:
    from jinja2 import TemplateError

    conversations = [[message._asdict() for message in talk] for talk in PROBE_CONVERSATIONS]
    try:
        return [
            tokenizer.apply_chat_template(talk, chat_template=template, add_generation_prompt=True, tokenize=False)
            for talk in conversations
        ]
    except (TemplateError, ValueError, TypeError) as error:
        raise ArtifactCorrupt(
            f"the chat template in {directory} refuses a conversation: {error}",
            expected="a template for turns of user and assistant, without a system message",
            remedy="take the chat template that belongs to this base",
        ) from error
