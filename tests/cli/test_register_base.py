"""`interlock register base`: from a model's directory to a manifest that adapters are judged against."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.documents.kinds.base_revision import BaseRevision
from support.adapters import write_adapter, write_base
from support.command_line import Outcome, interlock

NAMES = ("--name", "tiny", "--revision", "1", "--license", "apache-2.0")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_base(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert interlock("init", tmp_path / "repository").status == 0
    return tmp_path / "repository"


def register(root: Path, model: Path, *words: str) -> Outcome:
    return interlock("register", "base", model, *NAMES, "-C", root, *words)


def read(root: Path) -> BaseRevision:
    from interlock.documents.yaml_reader import read_yaml

    path = root / "bases/tiny/1.yaml"
    return BaseRevision.model_validate(read_yaml(path.read_bytes(), str(path)).value)


def test_a_first_day_from_an_empty_directory_to_a_served_adapter(root: Path, model: Path, tmp_path: Path) -> None:
    environments = [word for name in ("dev", "staging", "production") for word in ("--for", name)]
    outcome = register(root, model, "--copy", *environments)
    assert outcome.status == 0, outcome.err
    adapter = write_adapter(tmp_path / "bot", base_config=write_base(tmp_path / "again"), rank=4)
    words = ("--adapter", "bot", "--revision", "1", "--base", "tiny@1", "--copy", "-C", root)
    assert interlock("register", "adapter", adapter, *words).status == 0
    assert interlock("promote", "bot", "1", "--to", "dev", "-C", root).status == 0
    assert interlock("promote", "bot", "--to", "staging", "-C", root).status == 0
    outcome = interlock("check", root)
    assert outcome.status == 0, outcome.out
    assert "0 errors, 0 warnings" in outcome.out


def test_shape_digests_and_fingerprints_come_from_the_files(root: Path, model: Path) -> None:
    assert register(root, model, "--copy").status == 0
    found = read(root)
    assert (found.config.architecture, found.config.hidden_size) == ("LlamaForCausalLM", 64)
    assert {file.path for file in found.files} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert found.chat_template
    assert found.tokenizer.fingerprint != found.chat_template.fingerprint
    assert found.source.uri == f"file:artifacts/tiny@1-{found.digest.prefix}"
    assert found.pedigree.kind == "foundation"


def test_another_chat_template_has_another_fingerprint(root: Path, model: Path) -> None:
    first = register(root, model)
    assert first.status == 0
    before = read(root)
    template = model / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|assistant|>", "<|user|>"))
    words = ("--name", "tiny", "--revision", "2", "--license", "apache-2.0", "-C", root, "--json")
    assert interlock("register", "base", model, *words).status == 0
    (root / "bases/tiny/1.yaml").unlink()
    (root / "bases/tiny/2.yaml").rename(root / "bases/tiny/1.yaml")
    after = read(root)
    assert before.chat_template
    assert after.chat_template
    assert before.chat_template.fingerprint != after.chat_template.fingerprint
    assert before.tokenizer == after.tokenizer


def test_a_hub_repository_is_recorded_as_the_source(root: Path, model: Path) -> None:
    assert register(root, model, "--repository", "org/tiny", "--commit", "0e9e" * 10).status == 0
    source = read(root).source
    assert (source.repository, source.commit, source.uri) == ("org/tiny", "0e9e" * 10, None)


def test_a_base_outside_keeps_its_place(root: Path, model: Path) -> None:
    outcome = register(root, model, "--json")
    assert outcome.status == 0
    assert outcome.document["source"] == {"uri": f"file://{model}"}
    assert outcome.document["written"] == ["bases/tiny/1.yaml"]


def test_a_base_revision_that_exists_never_changes(root: Path, model: Path) -> None:
    assert register(root, model).status == 0
    outcome = register(root, model)
    assert outcome.status == 1
    assert "tiny@1 is already registered" in outcome.err


def test_only_the_base_of_an_environment_changes(root: Path, model: Path) -> None:
    path = root / "environments/dev/environment.yaml"
    before = path.read_text()
    assert register(root, model, "--for", "dev").status == 0
    assert path.read_text() == before.replace("name: your-base", "name: tiny")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--for", "prod"), "there is no environment prod"),
        (("--repository", "org/tiny"), "belong together"),
        (("--repository", "org/tiny", "--commit", "main"), "40 lower-case hexadecimal digits"),
    ],
)
def test_wrong_use_is_explained(root: Path, model: Path, words: tuple[str, ...], says: str) -> None:
    outcome = register(root, model, *words)
    assert outcome.status == 2
    assert says in outcome.err
    assert not (root / "bases/tiny").exists()


def test_a_directory_without_a_tokenizer_is_refused(root: Path, model: Path) -> None:
    (model / "tokenizer.json").unlink()
    outcome = register(root, model)
    assert outcome.status == 1
    assert "tokenizer" in outcome.err
    assert not (root / "bases/tiny").exists()


def test_a_truncated_weight_file_is_refused(root: Path, model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    outcome = register(root, model)
    assert outcome.status == 1
    assert "model.safetensors" in outcome.err


def test_nothing_is_left_behind_when_an_environment_cannot_be_written(root: Path, model: Path, tmp_path: Path) -> None:
    """`environments/staging` is a link, so the last of the writes is refused."""
    (root / "environments/staging").rename(tmp_path / "staging")
    before = (root / "environments/dev/environment.yaml").read_bytes()
    (root / "environments/staging").symlink_to(tmp_path / "staging")
    outcome = register(root, model, "--copy", "--for", "dev", "--for", "staging")
    assert outcome.status != 0
    assert not (root / "bases/tiny/1.yaml").exists()
    assert (root / "environments/dev/environment.yaml").read_bytes() == before
