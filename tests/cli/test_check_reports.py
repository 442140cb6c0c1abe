"""Every format keeps the exit status, and one run of `interlock check` writes several reports."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from findings.test_report_sarif import official
from interlock.cli.check_formats import FORMATS, IN_FILES
from interlock.cli.check_telling import NOT_JUDGED
from interlock.findings import report_schema
from support.command_line import Outcome, interlock
from support.github_runner import obeyed
from support.living_example import REPOSITORY
from support.repositories import Repository, git_repository, manifest

SCHEMA = REPOSITORY / "docs" / "schemas" / "check-report.schema.json"


def clean(root: Path) -> list[str]:
    return [str(git_repository(root).root)]


def blocked(root: Path) -> list[str]:
    repository = git_repository(root)
    repository.point("dev", "support-bot", active="9")
    return [str(root)]


def told(root: Path) -> list[str]:
    """A flaw that stood before: it is told and does not block."""
    repository = git_repository(root)
    repository.point("dev", "support-bot", active="9")
    repository.commit("Break it")
    return [str(root), "--staged"]


def wrong_use(root: Path) -> list[str]:
    return [str(git_repository(root).root), "--head", "main"]


def nothing(root: Path) -> list[str]:
    Repository(root).write("README.md", "# Nothing here\n")
    Repository(root).git("init", "--quiet")
    return [str(root)]


def unknown_bytes(root: Path) -> list[str]:
    repository = git_repository(root)
    repository.change(manifest("support-bot", "3"), "artifact", "uri", to="s3://elsewhere/bot")
    return [str(root)]


def unknown_commit(root: Path) -> list[str]:
    return [str(git_repository(root).root), "--base", "nonsense"]


CASES: dict[Callable[[Path], list[str]], int] = {
    clean: 0,
    blocked: 1,
    told: 0,
    wrong_use: 2,
    nothing: 3,
    unknown_bytes: 4,
    unknown_commit: 4,
}
JUDGED = [case for case in CASES if case is not wrong_use]


@pytest.fixture(autouse=True)
def _no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run in a workflow themselves, its summary is none of theirs."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture(params=[*CASES], ids=lambda case: case.__name__)
def case(request: pytest.FixtureRequest) -> Callable[[Path], list[str]]:
    chosen: Callable[[Path], list[str]] = request.param
    return chosen


def test_the_exit_status_is_the_same_in_every_format(case: Callable[[Path], list[str]], tmp_path: Path) -> None:
    arguments = case(tmp_path / "repository")
    for form in FORMATS:
        assert interlock("check", *arguments, "--format", form).status == CASES[case], form


def test_one_run_writes_every_report_and_each_says_what_happened(
    case: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    arguments = case(tmp_path / "repository")
    outcome = all_reports(tmp_path, *arguments)
    assert outcome.status == CASES[case]
    written = {path.suffix[1:] for path in tmp_path.glob("report.*")}
    assert written == (set() if case is wrong_use else set(IN_FILES))


def all_reports(directory: Path, *arguments: str) -> Outcome:
    return interlock("check", *arguments, *(f"--report={form}={directory}/report.{form}" for form in IN_FILES))


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.__name__, indirect=True)
def test_reports_are_valid_and_agree(case: Callable[[Path], list[str]], tmp_path: Path) -> None:
    assert all_reports(tmp_path, *case(tmp_path / "repository")).status == CASES[case]
    document = json.loads((tmp_path / "report.json").read_bytes())
    sarif = json.loads((tmp_path / "report.sarif").read_bytes())
    suite = ET.fromstring((tmp_path / "report.junit").read_bytes())
    assert list(json_validator().iter_errors(document)) == []
    assert list(official().iter_errors(sarif)) == []
    (invocation,) = sarif["runs"][0]["invocations"]
    assert invocation["exitCode"] == CASES[case]
    assert invocation["exitCodeDescription"] == document["verdict"]
    assert invocation["executionSuccessful"] == (CASES[case] in (0, 1))
    assert (int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0) == (CASES[case] != 0)
    assert len(sarif["runs"][0]["results"]) == len(document["findings"])


def json_validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_in_docs_is_up_to_date() -> None:
    assert report_schema.main(["--check", str(SCHEMA)]) == 0, "run: python -m interlock.findings.report_schema " + str(
        SCHEMA
    )


def test_a_schema_that_differs_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.json").write_text("{}")
    assert report_schema.main(["--check", str(tmp_path / "s.json")]) == 1
    assert "Next: python -m interlock.findings.report_schema" in capsys.readouterr().out
    assert report_schema.main([str(tmp_path / "s.json")]) == 0
    assert report_schema.main(["--check", str(tmp_path / "s.json")]) == 0


def test_the_schema_describes_every_field_and_refuses_what_is_missing(tmp_path: Path) -> None:
    document = interlock("check", *blocked(tmp_path / "repository"), "--format", "json").document
    schema = json.loads(SCHEMA.read_bytes())
    described = {"report": schema, **schema["$defs"]}
    printed: dict[str, Any] = {
        "report": document,
        "Counts": document["counts"],
        "FindingShape": document["findings"][0],
    }
    for name, value in printed.items():
        assert set(value) == set(described[name]["properties"]) == set(described[name]["required"])
        for key in value:
            less = {other: kept for other, kept in value.items() if other != key}
            whole = {
                "report": less,
                "Counts": {**document, "counts": less},
                "FindingShape": {**document, "findings": [less]},
            }
            assert not json_validator().is_valid(whole[name]), f"{name} without {key}"


def test_what_cannot_be_judged_at_all_is_told_in_every_report(tmp_path: Path) -> None:
    arguments = unknown_commit(tmp_path / "repository")
    (tmp_path / "report.json").write_text("of yesterday")
    all_reports(tmp_path, *arguments)
    document = json.loads((tmp_path / "report.json").read_bytes())
    assert document["verdict"] == "could-not-evaluate"
    assert [finding["rule"] for finding in document["findings"]] == [NOT_JUDGED]
    assert interlock("explain", NOT_JUDGED).status == 0


def test_a_conflict_gives_no_order_to_the_runner(tmp_path: Path) -> None:
    repository = git_repository(tmp_path / "repository")
    name = "environments/x\n::error::owned\n##[error]"
    for branch, text in (("one", "1\n"), ("main", "2\n")):
        repository.git("checkout", "--quiet", "-B", branch, "main")
        repository.write(name, text)
        repository.commit(branch)
    outcome = interlock("check", repository.root, "--base", "main", "--head", "one", "--format", "github")
    assert outcome.status == 4
    (command,) = obeyed(outcome.out + outcome.err)
    assert command.properties["title"] == f"{NOT_JUDGED} (could not evaluate)"


def test_an_unfinished_merge_gives_no_order_to_the_runner(tmp_path: Path) -> None:
    repository = git_repository(tmp_path / "repository")
    blob = repository.git("rev-parse", f"HEAD:{manifest('support-bot', '3')}")
    entries = [f"100644 {blob} {stage}\tenvironments/x\n  ::error::owned" for stage in (1, 2, 3)]
    subprocess.run(
        ["git", "update-index", "-z", "--index-info"], cwd=repository.root, input="\0".join(entries) + "\0",
        text=True, check=True, timeout=60,
    )  # fmt: skip
    outcome = interlock("check", repository.root, "--staged", "--format", "github")
    assert outcome.status == 2
    assert "is in conflict" in outcome.err
    assert obeyed(outcome.out + outcome.err) == []


def test_the_token_is_another_one_each_time(tmp_path: Path) -> None:
    arguments = clean(tmp_path / "repository")
    outs = [interlock("check", *arguments, "--format", "github").out for _ in range(2)]
    tokens = {re.findall(r"^::stop-commands::([0-9a-f]{32})$", out, flags=re.MULTILINE)[0] for out in outs}
    assert len(tokens) == 2


def test_a_repository_with_hostile_file_names_gives_no_order_to_the_runner(tmp_path: Path) -> None:
    repository = git_repository(tmp_path / "repository")
    for name in ("a\n::error::x", "b\r::add-mask::y", "##[c]d", "e,line=1::"):
        repository.write(f"environments/dev/pointers/{name}.yaml", "kind: Pointer\n")
    Path(os.fsdecode(os.fsencode(repository.root) + b"/environments/dev/pointers/\xff.yaml")).write_text(
        "kind: Pointer\n"
    )
    outcome = interlock("check", repository.root, "--format", "github")
    assert outcome.status == 1
    commands = obeyed(outcome.out + outcome.err)
    assert {command.name for command in commands} == {"error"}
    assert all(command.properties["file"].startswith("environments/") for command in commands)
    assert all_reports(tmp_path, str(repository.root)).status == 1
    assert list(official().iter_errors(json.loads((tmp_path / "report.sarif").read_bytes()))) == []


def test_the_summary_is_appended_to_what_the_step_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert interlock("check", *blocked(tmp_path / "repository"), "--format", "github").status == 1
    assert summary.read_text().startswith("# Before\n### Interlock: ")
    assert "| error | environments/dev/pointers/support-bot.yaml:3:9 | dangling-pointer |" in summary.read_text()


@pytest.mark.parametrize("left", ["a link", "a folder", "full"])
def test_a_summary_that_cannot_be_written_changes_no_verdict(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, elsewhere = tmp_path / "summary.md", tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    if left == "a link":
        summary.symlink_to(elsewhere)
    elif left == "a folder":
        summary.mkdir()
    else:
        summary.write_bytes(b"x" * (1024 * 1024 - 10))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert interlock("check", *blocked(tmp_path / "repository"), "--format", "github").status == 1
    assert elsewhere.read_text() == "as it was"
    assert left != "full" or summary.stat().st_size <= 1024 * 1024


def test_a_report_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("x" * 100_000)
    assert interlock("check", *clean(tmp_path / "repository"), f"--report=json={tmp_path}/report.json").status == 0
    assert json.loads((tmp_path / "report.json").read_bytes())["verdict"] == "pass"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("there", ["a link", "a folder", "no regular file"])
def test_a_report_goes_through_no_link_and_over_no_folder(there: str, tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "report.json", tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    if there == "a link":
        place.symlink_to(elsewhere)
    elif there == "a folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    outcome = interlock("check", *clean(tmp_path / "repository"), f"--report=json={place}")
    assert outcome.status == 2
    assert f"{place} is {there}" in outcome.err
    assert outcome.out == ""
    assert elsewhere.read_text() == "as it was"


@pytest.mark.parametrize("value", ["json", "json=", "=a", "github=a", "xml=a", "json=nowhere/at/all.json"])
def test_a_report_that_cannot_be_meant_is_wrong_use(value: str, tmp_path: Path) -> None:
    outcome = interlock("check", *clean(tmp_path / "repository"), f"--report={value}")
    assert outcome.status == 2
    assert outcome.err


def test_a_report_that_the_machine_refuses_is_no_pass(tmp_path: Path) -> None:
    outcome = interlock("check", *clean(tmp_path / "repository"), "--report=json=/proc/report.json")
    assert outcome.status == 4
    assert "/proc/" in outcome.err


def test_two_reports_do_not_share_a_file(tmp_path: Path) -> None:
    reports = (f"--report=json={tmp_path}/a", f"--report=sarif={tmp_path}/../{tmp_path.name}/a")
    assert interlock("check", *clean(tmp_path / "repository"), *reports).status == 2


def test_a_report_in_the_repository_is_no_part_of_it(tmp_path: Path) -> None:
    arguments = clean(tmp_path / "repository")
    for _ in range(2):
        assert interlock("check", *arguments, f"--report=sarif={tmp_path}/repository/interlock.sarif").status == 0
