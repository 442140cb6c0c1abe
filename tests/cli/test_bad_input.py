"""Hostile and broken input through the real command line: a clear answer, a small bill, never a traceback or a pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.changes import Proposal
from support.command_line import Outcome, interlock_process
from support.repositories import Repository, artifact, environment, pointer

POLICY = "policies/production.yaml"
MOST_MEMORY = 500 << 20
WEIGHTS = f"{artifact('support-bot', '1')}/adapter_model.safetensors"
SETTINGS = f"{artifact('support-bot', '2')}/adapter_config.json"
DEV = pointer("dev", "support-bot")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """On the branch `proposal`, one commit ahead of `main`: dev goes back to an earlier revision."""
    made = Proposal.begin(tmp_path / "repository").repository
    made.git("checkout", "--quiet", "-b", "proposal")
    made.point("dev", "support-bot", active="2")
    made.commit("Propose")
    return made


def answered(outcome: Outcome, status: int, *texts: str) -> None:
    """The exit status and what is said, and that nothing fell over."""
    assert outcome.status == status, outcome
    for text in texts:
        assert text in outcome.out + outcome.err, outcome
    assert "Traceback" not in outcome.err
    assert "in a way it should not" not in outcome.err


def billed(*words: str | Path) -> tuple[Outcome, int]:
    """Run a command with a bound on its memory; how it ended, and the bytes that it took at most."""
    program = (
        "import resource, subprocess, sys; "
        "status = subprocess.run([sys.executable, '-m', 'interlock.cli.main', *sys.argv[1:]], timeout=60).returncode; "
        "print('KiB', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)"
    )
    arguments = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=90, check=False)
    text, _, kib = done.stdout.rpartition("KiB ")
    return Outcome(done.returncode, text, done.stderr), int(kib) * 1024


HUGE = {
    "a document of 100 MB": (b"kind: Policy\nx:\n" + b"- aaaaaaaaaaaaaaaaaaaa\n" * 4_600_000, "[document-too-large]"),
    "a million open brackets": (b"[" * 1_000_000, "[document-too-deep]"),
    "a million nested mappings": (b"kind: " + b"{a: " * 250_000, "[document-too-deep]"),
    "a billion laughs": (
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(9)),
        "[yaml-anchor]",
    ),
    "a key of a megabyte": (b"k" * 1_000_000 + b": x\n", "[yaml-syntax]"),
}


@pytest.mark.parametrize("case", HUGE)
def test_what_would_cost_much_is_refused_for_little(repository: Repository, case: str) -> None:
    data, rule = HUGE[case]
    repository.write(POLICY, data)
    for words in ([], ["--staged"]):
        repository.git("add", "--all")
        outcome, memory = billed("check", repository.root, *words)
        answered(outcome, 1, f"{POLICY}", rule)
        assert memory < MOST_MEMORY


@pytest.mark.parametrize("sealed", [False, True], ids=["of another size than promised", "as promised"])
def test_weights_with_a_header_of_100_mb_are_refused_for_little(repository: Repository, sealed: bool) -> None:
    size = 100 << 20
    with (repository.root / WEIGHTS).open("wb") as file:
        file.write(size.to_bytes(8, "little") + b'{"a":"')
        file.truncate(8 + size)
    if sealed:
        repository.reseal_bytes("support-bot", "1")
    outcome, memory = billed("check", repository.root)
    answered(outcome, 1, "[unreadable-tensors]" if sealed else "[size-mismatch]")
    assert memory < MOST_MEMORY


ENCODED = {
    "bytes that are no text": (b"kind: Policy # \xff\xfe\n", "[not-utf8]"),
    "a byte-order mark": (b"\xef\xbb\xbfkind: Policy\n", "[not-utf8]"),
    "UTF-16": ("kind: Policy\n".encode("utf-16"), "[not-utf8]"),
    "a NUL": (b"kind: Policy\0\n", "[yaml-syntax]"),
    "old line ends": (b"kind: Policy\renvironments: [production]\r", "[yaml-syntax]"),
    "an unfinished merge": (b"<<<<<<< HEAD\nkind: Policy\n=======\nkind: Roster\n>>>>>>> x\n", "[yaml-syntax]"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_what_editors_show_differently_is_refused(repository: Repository, case: str) -> None:
    data, rule = ENCODED[case]
    repository.write(POLICY, data)
    answered(interlock_process("check", repository.root), 1, f"{POLICY}:1:", rule)


def test_line_ends_of_windows_are_read_as_line_ends(repository: Repository) -> None:
    """As `core.autocrlf` writes them: reviewer and program read the same, and the place of a flaw is right."""
    for path in (POLICY, DEV, "adapters/support-bot/revisions/1.yaml"):
        repository.write(path, (repository.root / path).read_bytes().replace(b"\n", b"\r\n"))
    answered(interlock_process("check", repository.root), 0)
    repository.write(DEV, (repository.root / DEV).read_bytes() + b"extra: 1\r\n")
    answered(interlock_process("check", repository.root), 1, f"{DEV}:4:1:", "[unknown-key]")


def test_what_is_no_file_is_neither_followed_nor_waited_for(repository: Repository) -> None:
    root = repository.root
    (root / POLICY).unlink()
    os.mkfifo(root / POLICY)
    (root / WEIGHTS).unlink()
    (root / WEIGHTS).mkdir()
    os.mkfifo(root / artifact("support-bot", "2") / "pipe")
    (root / "adapters" / "loop").symlink_to("loop")
    (root / "environments" / "up").symlink_to("..")
    outcome = interlock_process("check", root)
    for place, rule in (
        (POLICY, "unreadable-file"),
        ("adapters/support-bot/revisions/1.yaml", "artifact-missing"),
        ("adapters/support-bot/revisions/2.yaml", "unlisted-file"),
        ("adapters/loop", "symlink-in-tree"),
        ("environments/up", "symlink-in-tree"),
    ):
        assert any(line.startswith(place) and f"[{rule}]" in line for line in outcome.out.splitlines()), (place, rule)
    answered(outcome, 1)


def test_a_folder_in_place_of_a_document_is_refused(repository: Repository) -> None:
    (repository.root / POLICY).unlink()
    repository.write(f"{POLICY}/inner", b"")
    answered(interlock_process("check", repository.root), 1, "[unexpected-file]")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_a_path_that_is_not_utf8_is_told_in_every_format(repository: Repository, form: str) -> None:
    (repository.root / os.fsdecode(b"policies/\xff.yaml")).write_text("kind: Policy\n")
    answered(interlock_process("check", repository.root, "--format", form), 1, "unsafe-name", "udcff.yaml")


def test_many_files_that_nothing_reads_are_told_in_time(repository: Repository) -> None:
    for number in range(3000):
        repository.write(f"policies/{number}.yml", b"")
    outcome = interlock_process("check", repository.root, "--format", "json")
    answered(outcome, 1)
    assert outcome.document["counts"]["errors"] == 3000


def test_a_bare_repository_is_told_to_be_one(repository: Repository, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.root), str(bare))
    answered(interlock_process("check", "--base", "main", bare), 2, "is a bare git repository", "git clone")


def test_a_place_outside_of_any_repository_is_wrong_use(tmp_path: Path) -> None:
    answered(interlock_process("check", "--base", "main", tmp_path), 2, "not inside an Interlock repository")


@pytest.mark.parametrize("file", ["HEAD", "config"])
def test_a_repository_that_git_cannot_read_is_not_called_none(repository: Repository, file: str) -> None:
    (repository.root / ".git" / file).write_bytes(b"[garbage\n")
    outcome = interlock_process("check", "--base", "main", repository.root)
    answered(outcome, 4, "git cannot read the repository", "fsck")


def test_an_index_that_is_garbage_cannot_be_evaluated(repository: Repository) -> None:
    (repository.root / ".git" / "index").write_bytes(b"garbage")
    answered(interlock_process("check", "--staged", repository.root), 4, "index")


@pytest.mark.parametrize("left", [0, 1, 20])
@pytest.mark.parametrize(
    "what", ["^{commit}", "^{tree}", f":{DEV}", f":{artifact('support-bot', '2')}/adapter_config.json"]
)
def test_an_object_that_is_damaged_cannot_be_evaluated(repository: Repository, what: str, left: int) -> None:
    damage(repository, repository.git("rev-parse", f"proposal{what}"), left)
    answered(interlock_process("check", "--base", "main", repository.root), 4)


def test_an_object_that_is_gone_says_how_to_look_for_it(repository: Repository) -> None:
    blob = repository.git("rev-parse", f"proposal:{DEV}")
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    answered(interlock_process("check", "--base", "main", repository.root), 4, DEV, "fsck")


def damage(repository: Repository, name: str, left: int) -> None:
    """Cut a loose object off."""
    file = repository.root / ".git" / "objects" / name[:2] / name[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:left])


def test_a_partial_clone_whose_remote_is_gone_cannot_be_evaluated(repository: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    repository.git("config", "uploadpack.allowFilter", "true")
    filtered = ("--filter=blob:none", "--no-checkout")
    repository.git("clone", "--quiet", *filtered, f"file://{repository.root}", str(clone))
    repository.root.rename(tmp_path / "gone")
    outcome = interlock_process("check", "--base", "origin/main", "--head", "origin/proposal", clone)
    answered(outcome, 4, "cannot be downloaded", "check the network and the remote")


def test_a_shallow_clone_without_the_common_history_says_what_to_fetch(repository: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shallow = ("--depth", "1", "--no-single-branch")
    repository.git("clone", "--quiet", *shallow, f"file://{repository.root}", str(clone))
    outcome = interlock_process("check", "--base", "origin/main", "--head", "origin/proposal", clone)
    answered(outcome, 4, "git fetch --unshallow", "fetch-depth: 0")
    assert "hint:" not in outcome.err


def test_a_base_that_is_not_here_says_what_to_fetch(repository: Repository) -> None:
    for base in ("origin/main", "0" * 40):
        answered(interlock_process("check", "--base", base, repository.root), 4, base, "git fetch")


def test_a_lock_that_another_git_holds_does_not_matter_to_a_check(repository: Repository) -> None:
    (repository.root / ".git" / "index.lock").touch()
    for words in (["--base", "main"], ["--staged"]):
        answered(interlock_process("check", *words, repository.root), 0)


def test_a_merge_in_progress_is_told_by_the_way_it_is_looked_at(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.point("dev", "support-bot", active="1")
    repository.commit("Promote otherwise")
    merge = ["git", "-C", str(repository.root), "merge", "--quiet", "proposal"]
    assert subprocess.run(merge, capture_output=True, check=False).returncode
    answered(interlock_process("check", repository.root), 1, f"{DEV}:3:1:", "a merge is not finished")
    answered(interlock_process("check", "--staged", repository.root), 2, "in conflict", "git add")
    answered(interlock_process("check", "--base", "proposal", repository.root), 4, "without a person", DEV)


DATES = ("99999999999999999999", "18446744073709551615", "9223372036854775807", "253402300800", "-5", "abc", "")


@pytest.mark.parametrize("date", DATES)
def test_a_promotion_after_a_commit_without_a_legible_date_cannot_be_evaluated(
    repository: Repository, date: str
) -> None:
    repository.git("checkout", "--quiet", "-B", "main")
    repository.change(environment("staging"), "soak", to={"duration": "1h"})
    repository.point("dev", "support-bot", active="3")
    dated(repository, repository.commit("Serve 3 in dev"), date)
    repository.git("checkout", "--quiet", "-B", "proposal")
    repository.point("staging", "support-bot", active="3")
    repository.commit("Promote")
    answered(interlock_process("check", "--base", "main", repository.root), 4, "no date that can be read")


def dated(repository: Repository, commit: str, date: str) -> None:
    """Put a commit in the place of `commit` that differs by its dates, which git itself would not write so."""
    git = ["git", "-C", str(repository.root)]
    raw = subprocess.run([*git, "cat-file", "commit", commit], capture_output=True, check=True).stdout
    writing = [*git, "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    other = re.sub(rb"> \d+ ", f"> {date} ".encode(), raw)
    made = subprocess.run(writing, input=other, capture_output=True, check=True).stdout.decode().strip()
    repository.git("reset", "--quiet", "--hard", made)
