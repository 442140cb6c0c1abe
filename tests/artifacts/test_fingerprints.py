"""Fingerprints of a tokenizer and a template, and that they notice what matters."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from interlock.artifacts.fingerprints import (
    CLOCK_DEPENDENT,
    PROBE_CONVERSATIONS,
    PROBE_TEXTS,
    fingerprint,
    local_fingerprints,
)
from interlock.documents.identifiers import Digest
from interlock.errors import ArtifactCorrupt
from support.adapters import CHAT_TEMPLATE, write_tokenizer


def test_a_fingerprint_is_the_digest_of_compact_json() -> None:
    assert str(fingerprint([(1, 17, 4), [1]])) == f"sha256:{hashlib.sha256(b'[[1,17,4],[1]]').hexdigest()}"
    assert fingerprint([]) == CLOCK_DEPENDENT
    assert fingerprint([[1], [2]]) != fingerprint([[1, 2]])


def test_probes_are_short_and_conversations_begin_with_the_user_and_alternate() -> None:
    assert max(len(text.encode()) for text in PROBE_TEXTS) <= 80
    for talk in PROBE_CONVERSATIONS:
        assert sum(len(message.content.encode()) for message in talk) <= 80
        assert [message.role for message in talk] == (["user", "assistant"] * len(talk))[: len(talk)]
        assert talk[-1].role == "user"


def test_the_fingerprint_of_the_files_is_that_of_what_their_tokenizer_answers(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    texts = [tokenizer(text)["input_ids"] for text in PROBE_TEXTS]
    talks = [
        tokenizer.apply_chat_template(
            [{"role": message.role, "content": message.content} for message in talk],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        for talk in PROBE_CONVERSATIONS
    ]
    assert all(ids[0] == tokenizer.bos_token_id for ids in (*texts, *talks))
    assert max(len(ids) for ids in (*texts, *talks)) < 100, "one byte is one token at worst"
    assert local_fingerprints(tmp_path) == (fingerprint(texts), fingerprint(talks))


def _fingerprints(directory: Path, chat_template: str | None) -> tuple[Digest, Digest | None]:
    write_tokenizer(directory, chat_template=chat_template)
    return local_fingerprints(directory)


def test_a_changed_template_changes_its_fingerprint_and_not_that_of_the_tokenizer(tmp_path: Path) -> None:
    tokenizer, template = _fingerprints(tmp_path / "before", CHAT_TEMPLATE)
    changed = CHAT_TEMPLATE.replace("|>\n{{ message['content'] }}", "|> {{ message['content'] }}")
    assert _fingerprints(tmp_path / "after", changed)[0] == tokenizer
    assert _fingerprints(tmp_path / "after", changed)[1] != template


def test_a_changed_tokenizer_changes_its_fingerprint(tmp_path: Path) -> None:
    before = _fingerprints(tmp_path / "before", CHAT_TEMPLATE)
    write_tokenizer(tmp_path / "after")
    path = tmp_path / "after" / "tokenizer.json"
    value = json.loads(path.read_text())
    value["model"]["merges"] = value["model"]["merges"][:-20]
    path.write_text(json.dumps(value))
    assert local_fingerprints(tmp_path / "after")[0] != before[0]


def test_a_base_without_a_template_has_no_fingerprint_of_one(tmp_path: Path) -> None:
    assert _fingerprints(tmp_path, None)[1] is None


def test_a_template_that_writes_the_date_is_marked_as_not_comparable(tmp_path: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }}" + CHAT_TEMPLATE
    assert _fingerprints(tmp_path / "dated", dated)[1] == CLOCK_DEPENDENT
    in_a_macro = "{% macro today() %}{{ strftime_now('%d') }}{% endmacro %}{{ today() }}" + CHAT_TEMPLATE
    assert _fingerprints(tmp_path / "macro", in_a_macro)[1] == CLOCK_DEPENDENT
    only_named = "{% if false %}{{ strftime_now('%d %b %Y') }}{% endif %}" + CHAT_TEMPLATE
    plain = _fingerprints(tmp_path / "plain", CHAT_TEMPLATE)
    assert _fingerprints(tmp_path / "named", only_named) == plain
    assert _fingerprints(tmp_path / "newline", "\n" + CHAT_TEMPLATE)[1] not in (plain[1], CLOCK_DEPENDENT)


@pytest.mark.parametrize(
    "template",
    ["{{ raise_exception('no system message') }}", "{% for %}", "{{ messages[0].content.missing.attribute }}"],
)
def test_a_template_that_refuses_a_plain_conversation_is_corrupt(tmp_path: Path, template: str) -> None:
    with pytest.raises(ArtifactCorrupt, match="refuses a conversation") as caught:
        _fingerprints(tmp_path, template)
    assert caught.value.remedy


def test_templates_without_a_default_are_corrupt(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, chat_template=None)
    path = tmp_path / "tokenizer_config.json"
    named = {"chat_template": [{"name": "tools", "template": CHAT_TEMPLATE}]}
    path.write_text(json.dumps(json.loads(path.read_text()) | named))
    with pytest.raises(ArtifactCorrupt, match="none is the default"):
        local_fingerprints(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"model": {"type": "Unheard"}}', "[1]", '{"version": "1.0"}'])
def test_a_tokenizer_that_cannot_be_loaded_is_corrupt(tmp_path: Path, content: str) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ArtifactCorrupt, match="cannot be loaded"):
        local_fingerprints(tmp_path)


def test_a_tokenizer_that_wants_to_run_its_own_code_is_refused(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    own = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    (tmp_path / "own.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ArtifactCorrupt, match="cannot be loaded"):
        local_fingerprints(tmp_path)
