"""The script of the attest workflow, run on a real push to a bare server: only what passes is attested there."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.history.attestation_ref import REF
from support.living_example import REPOSITORY
from support.workflows import run_script, workflow
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    return made


def attest_as_the_runner_does(workshop: Workshop, scratch: Path, *, approved: bool) -> tuple[int, str]:
    before = workshop.git("rev-parse", "main")
    for who in ("bob", "carol") if approved else ():
        assert workshop.approve(who, "main..promote").status == 0
    after = workshop.merge("promote", "squash")
    workshop.git("clone", "--quiet", str(workshop.server), str(scratch / "runner"))
    temporary = scratch / "temporary"
    temporary.mkdir()
    (temporary / "numbers").touch()
    finished = run_script(
        workflow("attest.yml").script("Attest"),
        scratch / "runner",
        ATTESTER_KEY=workshop.team.key("check-ci").read_text(),
        GITHUB_TOKEN="t0ken",
        BASE_SHA=before,
        HEAD_SHA=after,
        REPOSITORY="acme/adapters",
        RUNNER_TEMP=str(temporary),
        PYTHONPATH=str(REPOSITORY / "tools"),
    )
    assert not (temporary / "attester").exists()
    assert "PRIVATE KEY" not in finished.stdout
    assert "t0ken" not in finished.stdout
    return finished.returncode, finished.stdout


def test_what_was_approved_is_attested_on_the_server(workshop: Workshop, tmp_path: Path) -> None:
    status, told = attest_as_the_runner_does(workshop, tmp_path, approved=True)
    assert status == 0, told
    workshop.git("fetch", "--quiet", "origin", f"+{REF}:{REF}")
    decision = workshop.merged(workshop.git("rev-parse", "main"))
    assert [one.attester for one in workshop.gathered(decision).attestations] == ["check-ci"]


def test_what_nobody_approved_is_not(workshop: Workshop, tmp_path: Path) -> None:
    status, told = attest_as_the_runner_does(workshop, tmp_path, approved=False)
    assert status == 1
    assert "[approvals-missing]" in told
    assert workshop.git("ls-remote", "origin", REF) == ""
