"""Binding: tokenizer, chat template and quantization are those of the base revision."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.checks import check, not_evaluated, passes, refused, warned
from support.repositories import BASE_DIRECTORY, Repository, artifact, base_manifest, environment, manifest, pointer

BOT, BASE = manifest("support-bot", "3"), base_manifest()
OTHER = "sha256:" + "ab" * 32


def put_beside(repository: Repository, name: str, data: bytes) -> None:
    repository.write(f"{artifact('support-bot', '3')}/{name}", data)
    repository.reseal("support-bot", "3")


def test_what_the_training_saw_of_its_base_may_be_written_down(repository: Repository) -> None:
    base = repository.read(BASE)
    seen = {key: base[key] for key in ("name", "revision", "digest", "tokenizer", "chat_template")}
    repository.change(BOT, "base", to=seen)
    passes(repository)


@pytest.mark.parametrize("part", ["tokenizer", "chat_template"])
@pytest.mark.parametrize("field", ["digest", "fingerprint"])
def test_an_adapter_trained_with_other_tokens_is_refused(repository: Repository, part: str, field: str) -> None:
    repository.change(BOT, "base", part, to=repository.read(BASE)[part] | {field: OTHER})
    finding = refused(repository, "base-binding-mismatch", BOT, f'"{OTHER}"')
    assert f"{part} {field}" in finding.found


def test_an_adapter_trained_on_other_weights_of_the_same_name_is_refused(repository: Repository) -> None:
    repository.change(BOT, "base", "digest", to=OTHER)
    refused(repository, "base-binding-mismatch", BOT, f'"{OTHER}"')


def test_an_adapter_trained_on_a_quantized_base_does_not_belong_to_a_plain_one(repository: Repository) -> None:
    repository.change(BOT, "base", "quantization", to={"method": "bitsandbytes", "digest": OTHER})
    found = [(f.rule, f.expected.partition(",")[0]) for f in check(repository).findings]
    assert found == [("base-binding-mismatch", "none")] * 2


def test_an_environment_of_the_base_serves_what_says_more_about_it(repository: Repository) -> None:
    repository.change(BOT, "base", "digest", to=repository.read(BASE)["digest"])
    repository.point("production", "support-bot", active="3")
    passes(repository)


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja"])
def test_the_base_s_own_tokenizer_may_lie_beside_the_weights(repository: Repository, name: str) -> None:
    put_beside(repository, name, (repository.root / BASE_DIRECTORY / name).read_bytes())
    passes(repository)


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja", "added_tokens.json", "vocab.txt"])
def test_another_tokenizer_beside_the_weights_is_refused(repository: Repository, name: str) -> None:
    put_beside(repository, name, b"{}\n")
    finding = refused(repository, "tokenizer-differs-from-base", BOT, f'"{name}"')
    assert f"remove {name}" in finding.remedy


def test_settings_that_every_version_writes_otherwise_only_warn(repository: Repository) -> None:
    put_beside(repository, "tokenizer_config.json", json.dumps({"padding_side": "left"}).encode())
    warned(repository, "tokenizer-differs-from-base", BOT, '"tokenizer_config.json"')


def test_a_tokenizer_cannot_be_compared_with_a_base_that_lists_no_files(repository: Repository) -> None:
    put_beside(repository, "tokenizer.json", b"{}\n")
    without_files(repository)
    not_evaluated(repository, "tokenizer-differs-from-base", BOT, '"tokenizer.json"')


def test_a_template_is_compared_with_the_digest_of_the_base_s_template(repository: Repository) -> None:
    put_beside(repository, "chat_template.jinja", b"{{ other }}")
    without_files(repository)
    refused(repository, "tokenizer-differs-from-base", BOT, '"chat_template.jinja"')


def without_files(repository: Repository) -> None:
    repository.change(BASE, "files", to=[])
    repository.change(BASE, "source", to={"repository": "org/tiny", "commit": "3f1c" * 10})
    for adapter, revisions in (("support-bot", ("1", "2", "3")), ("sql-helper", ("1",))):
        for revision in revisions:
            repository.change_settings(adapter, revision, revision="3f1c" * 10)


@pytest.mark.parametrize("method", ["gptq", "gptq-marlin"])
def test_an_engine_may_say_how_its_base_is_quantized(repository: Repository, method: str) -> None:
    quantized(repository, "gptq", method)
    passes(repository)


@pytest.mark.parametrize(("base", "engine"), [(None, "fp8"), ("gptq", "awq"), ("fp8", "bitsandbytes")])
def test_an_engine_that_quantizes_otherwise_than_its_base_revision_is_refused(
    repository: Repository, base: str | None, engine: str
) -> None:
    quantized(repository, base, engine)
    finding = refused(repository, "quantization-mismatch", environment("dev"), f'"{engine}"')
    assert finding.environment == "dev"


def quantized(repository: Repository, base: str | None, engine: str) -> None:
    repository.change(environment("dev"), "engine", "quantization", to=engine)
    if base:
        repository.change(BASE, "quantization", to={"method": base, "digest": OTHER})


def test_an_adapter_that_was_merged_into_the_served_base_is_not_applied_a_second_time(repository: Repository) -> None:
    merged: dict[str, Any] = repository.read(BASE) | {"revision": "2026-12"}
    trigger = {"metric": "latency-ms", "threshold": 400, "observed": 520, "decided_by": "alice"}
    reference, adapter = {"name": "tiny-llama", "revision": "2026-11"}, {"name": "support-bot", "revision": "3"}
    merged["pedigree"] = {"kind": "merge", "base": reference, "adapter": adapter, "trigger": trigger}
    repository.write(base_manifest(revision="2026-12"), merged)
    repository.remove(pointer("dev", "sql-helper"))
    passes(repository)
    repository.change(environment("dev"), "base", "revision", to="2026-12")
    refused(repository, "base-mismatch", pointer("dev", "support-bot"), '"3"')
