"""The recipe of the container image: what it copies is there, what it installs is pinned, and nobody is root in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interlock.cli.application import interlock
from support.container_lock import LOCK, container_lock, locked

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = REPOSITORY / "packaging" / "container" / "Containerfile"
USER = "65532"


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instruction and argument of every step."""
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def arguments(steps: list[tuple[str, str]], name: str) -> list[str]:
    return [argument for step, argument in steps if step == name]


def test_the_packages_are_those_of_the_lock_file_with_their_hashes() -> None:
    assert LOCK.read_text(encoding="utf-8") == container_lock(), (
        "run: PYTHONPATH=tests python -m support.container_lock"
    )
    whole = locked(REPOSITORY / "requirements.lock")
    for name, entry in locked(LOCK).items():
        assert entry == whole[name]
        assert "--hash=sha256:" in entry


def test_nothing_that_only_developers_or_engines_need_is_installed() -> None:
    assert not locked(LOCK).keys() & {"torch", "transformers", "pytest", "moto", "ruff", "mypy", "accelerate"}
    assert {"httpx", "h11", "uvicorn", "cryptography", "pydantic", "cel-expr-python"} <= locked(LOCK).keys()


def test_packages_come_by_hash_and_the_project_without_any_index(steps: list[tuple[str, str]]) -> None:
    installs = [part for run in arguments(steps, "RUN") for part in run.split("&&") if "pip install" in part]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index" in installs[1]
    assert all("--no-deps" in install for install in installs)


def test_everything_that_is_copied_is_there_and_let_in(steps: list[tuple[str, str]]) -> None:
    ignored = (RECIPE.parent / f"{RECIPE.name}.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[0] == "*"
    sources = [word for copy in arguments(steps, "COPY") if "--from" not in copy for word in copy.split()[:-1]]
    assert {"pyproject.toml", "tools/interlock", "packaging/container/requirements.lock"} <= set(sources)
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert f"!{source}" in ignored, source


def test_both_stages_have_one_python_that_a_build_may_name_by_digest(steps: list[tuple[str, str]]) -> None:
    assert [name.split(" ")[0] for name in arguments(steps, "FROM")] == ["${PYTHON_IMAGE}"] * 2
    (image,) = arguments(steps, "ARG")
    version = re.search(r"python:3\.(\d+)-", image)
    assert version
    assert int(version[1]) >= 11


def test_nobody_is_root_and_ssh_finds_who_it_is(steps: list[tuple[str, str]]) -> None:
    assert arguments(steps, "USER") == [f"{USER}:{USER}"]
    assert any(f"useradd --uid {USER}" in run for run in arguments(steps, "RUN"))
    order = [step for step, _ in steps]
    assert "RUN" not in order[order.index("USER") :]


def test_it_starts_the_agent(steps: list[tuple[str, str]]) -> None:
    assert arguments(steps, "ENTRYPOINT") == ['["interlock"]']
    (command,) = arguments(steps, "CMD")
    assert command == '["sync", "--node", "/etc/interlock/node.yaml"]'
    assert "sync" in interlock.entries
