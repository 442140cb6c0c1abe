"""The hooks judge what is staged, not what lies there: through the real pre-commit, and as a line of shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from support.hooked_repository import HookedRepository
from support.living_example import REPOSITORY
from support.repositories import manifest, pointer

BAD, GOOD = pointer("dev", "support-bot"), pointer("dev", "sql-helper")


@pytest.fixture(params=["pre-commit", "plain"])
def hooked(request: pytest.FixtureRequest, tmp_path: Path) -> HookedRepository:
    begun = HookedRepository.begin(tmp_path)
    if request.param == "pre-commit":
        begun.pre_commit_hook("interlock-check-installed")
    else:
        page = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
        (line,) = re.findall(r"^printf .*hooks/pre-commit$", page, flags=re.MULTILINE)
        begun.ok("sh", "-c", line)
    return begun


def head(hooked: HookedRepository) -> str:
    return hooked.ok("git", "rev-parse", "HEAD")


def refused(hooked: HookedRepository, rule: str, *arguments: str) -> None:
    before = head(hooked)
    finished = hooked.commit(*arguments)
    assert finished.returncode == 1, finished.stdout
    assert f"[{rule}]" in finished.stdout
    assert head(hooked) == before


def accepted(hooked: HookedRepository, *arguments: str) -> None:
    before = head(hooked)
    finished = hooked.commit(*arguments)
    assert finished.returncode == 0, finished.stdout
    assert head(hooked) != before


def test_a_bad_file_is_refused_although_the_working_copy_was_repaired(hooked: HookedRepository) -> None:
    hooked.repository.point("dev", "support-bot", active="9")
    hooked.ok("git", "add", BAD)
    hooked.repository.point("dev", "support-bot", active="3")
    refused(hooked, "dangling-pointer")
    assert 'active: "9"' in hooked.ok("git", "show", f":{BAD}")
    assert hooked.repository.read(BAD)["active"] == "3"


def test_a_good_file_is_accepted_although_the_working_copy_is_bad(hooked: HookedRepository) -> None:
    hooked.repository.point("dev", "support-bot", active="2")
    hooked.ok("git", "add", BAD)
    hooked.repository.point("dev", "support-bot", active="9")
    accepted(hooked)
    assert hooked.repository.read(BAD)["active"] == "9"


def test_a_partial_commit_is_judged_by_its_own_files(hooked: HookedRepository) -> None:
    hooked.repository.point("dev", "support-bot", active="9")
    hooked.ok("git", "add", BAD)
    hooked.repository.point("dev", "sql-helper", active="1", residency="lazy")
    accepted(hooked, "--", GOOD)
    refused(hooked, "dangling-pointer", "--", BAD)
    refused(hooked, "dangling-pointer")


def test_a_commit_that_only_removes_a_record_is_judged_too(hooked: HookedRepository) -> None:
    hooked.ok("git", "rm", "--quiet", manifest("support-bot", "1"))
    refused(hooked, "record-removed")


def test_a_new_file_that_is_not_staged_does_not_count(hooked: HookedRepository) -> None:
    hooked.repository.write("environments/dev/pointers/stray.yaml", "kind: Pointer\n")
    hooked.repository.point("dev", "support-bot", active="2")
    accepted(hooked, "--", BAD)


@pytest.mark.parametrize(
    ("file", "kind"), [(".pre-commit-hooks.yaml", "manifest"), (".pre-commit-config.yaml", "config")]
)
def test_the_files_for_pre_commit_are_valid(file: str, kind: str, tmp_path: Path) -> None:
    HookedRepository.begin(tmp_path).ok("pre-commit", f"validate-{kind}", str(REPOSITORY / file))


def test_our_own_hooks_run_what_make_setup_installs(tmp_path: Path) -> None:
    text = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    programs = [shlex.split(line)[0] for line in re.findall(r"entry: (.*)", text)]
    assert programs
    assert [name for name in programs if not name.startswith(".venv/bin/")] == []
    assert re.findall(r"repo: (.*)", text) == ["local"]
