"""The scripts of docs/artifacts.md, run as they stand there, against what the package computes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from interlock.artifacts.base_directory import describe_base
from interlock.artifacts.digests import describe_directory, file_set_digest
from interlock.artifacts.fingerprints import fingerprint
from support.adapters import CHAT_TEMPLATE, write_adapter, write_base

PAGE = Path(__file__).parents[2] / "docs" / "artifacts.md"
SCRIPTS: dict[str, str] = dict(re.findall(r"```sh\n# ([a-z-]+)\n(.*?)```", PAGE.read_text(), re.DOTALL))


def _run(script: str, directory: Path, **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-euc", SCRIPTS[script]],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(directory.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return f"sha256:{done.stdout.strip()}"


def _base(tmp_path: Path, *, template_inside: bool) -> Path:
    directory = tmp_path / "base"
    write_base(directory, chat_template=None if template_inside else CHAT_TEMPLATE)
    if template_inside:
        path = directory / "tokenizer_config.json"
        more = {"chat_template": CHAT_TEMPLATE, "model_max_length": 1000000000000000019884624838656, "name": "Grüße"}
        path.write_text(json.dumps(json.loads(path.read_text()) | more, indent=4, ensure_ascii=False))
        (directory / "special_tokens_map.json").write_text("{}")
        (directory / "own.tiktoken").write_text("")
    return directory


def test_the_page_has_a_script_for_every_digest() -> None:
    assert sorted(SCRIPTS) == ["chat-template", "file-set", "fingerprint", "tokenizer"]


def test_the_digest_of_an_adapter_can_be_recomputed(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "adapter", base_config=write_base(tmp_path / "base"))
    for name in ("Upper.txt", "_under.txt", "a.txt", "zürich.txt", "adapter.txt"):
        (directory / name).write_text(name)
    assert _run("file-set", directory) == str(file_set_digest(describe_directory(directory)))


@pytest.mark.parametrize("template_inside", [False, True])
def test_the_digests_of_a_base_can_be_recomputed(tmp_path: Path, template_inside: bool) -> None:
    directory = _base(tmp_path, template_inside=template_inside)
    (directory / "README.md").write_text("for people")
    found = describe_base(directory)
    names = " ".join(file.path for file in found.files)
    assert _run("file-set", directory, FILES=names) == str(found.digest)
    assert _run("tokenizer", directory) == str(found.tokenizer_digest)
    assert _run("chat-template", directory) == str(found.chat_template_digest)


def test_the_digest_of_several_named_templates_can_be_recomputed(tmp_path: Path) -> None:
    directory = _base(tmp_path, template_inside=True)
    path = directory / "tokenizer_config.json"
    named = [{"template": "é", "name": "default"}, {"name": "tools", "template": "b"}]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": named}))
    assert _run("chat-template", directory) == str(describe_base(directory).chat_template_digest)


def test_a_fingerprint_can_be_recomputed(tmp_path: Path) -> None:
    assert _run("fingerprint", tmp_path) == str(fingerprint([[1, 17, 4], [1, 9]]))
