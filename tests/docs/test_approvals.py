"""docs/approvals.md is true: a team follows it on a bare git server, each person with a key of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.living_example import REPOSITORY
from support.repositories import Repository
from support.workflows import run_script
from support.workshop import Workshop

PAGE = (REPOSITORY / "docs" / "approvals.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE))
USED = {"server", "setup", "propose", "approve", "look", "merge", "attest", "fetch", "verify", "emergency", "review"}


class Desk:
    """The clone and the home directory of one person or machine."""

    def __init__(self, workshop: Workshop, scratch: Path, who: str) -> None:
        self.home, self.who = scratch / f"home-{who}", who
        (self.home / ".ssh").mkdir(parents=True)
        key = workshop.team.key(who)
        (self.home / ".ssh" / "id_ed25519").write_bytes(key.read_bytes())
        (self.home / ".ssh" / "id_ed25519").chmod(0o600)
        (self.home / ".ssh" / "id_ed25519.pub").write_bytes(key.with_suffix(".pub").read_bytes())
        workshop.git("clone", "--quiet", str(workshop.server), str(self.home / "clone"))
        self.clone = Repository(self.home / "clone")
        self.server = workshop.server
        self.does("setup")

    def does(self, name: str, *more: str) -> str:
        """Do what a block of the page says; returns what was printed."""
        script = BLOCKS[name]
        for option in more:
            script = re.sub(r"^(interlock (?:approve|emergency \w+) .*)$", rf"\1 {option}", script, flags=re.MULTILINE)
        finished = run_script(
            script,
            self.clone.root,
            HOME=str(self.home),
            SERVER=str(self.server),
            GIT_AUTHOR_NAME=self.who,
            GIT_AUTHOR_EMAIL=f"{self.who}@example.com",
            GIT_COMMITTER_NAME=self.who,
            GIT_COMMITTER_EMAIL=f"{self.who}@example.com",
        )
        assert finished.returncode == 0, finished.stdout
        return finished.stdout


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop.begin(tmp_path)


def test_every_block_is_followed() -> None:
    assert BLOCKS.keys() == USED


def test_a_team_approves_and_attests_on_a_bare_server(workshop: Workshop, tmp_path: Path) -> None:
    alice, bob, carol, machine = (Desk(workshop, tmp_path, who) for who in ("alice", "bob", "carol", "check-ci"))
    alice.does("server")
    alice.does("propose")
    assert "Approved by bob (validator)" in bob.does("approve", "--yes")
    assert "Approved by carol" in carol.does("approve", "--yes")
    alice.clone.git("fetch", "--quiet", "origin")
    looked = alice.does("look")
    assert "counts: bob as validator" in looked
    assert "counts: carol as operator" in looked
    alice.does("merge")
    machine.clone.git("pull", "--quiet", "origin", "main")
    assert "is attested" in machine.does("attest")
    bob.clone.git("update-ref", "-d", "refs/interlock/attestations")
    assert len(bob.does("fetch").splitlines()) == 3


def test_a_signature_is_verified_without_interlock(workshop: Workshop, tmp_path: Path) -> None:
    alice, bob = Desk(workshop, tmp_path, "alice"), Desk(workshop, tmp_path, "bob")
    alice.does("propose")
    bob.does("approve", "--yes")
    verified = bob.does("verify")
    assert 'Good "interlock-approval" signature' in verified
    assert workshop.team.fingerprint("bob") in verified


def test_an_emergency_is_declared_and_reviewed(workshop: Workshop, tmp_path: Path) -> None:
    workshop.promote("promote")
    workshop.merge("promote", "squash")
    carol, bob = Desk(workshop, tmp_path, "carol"), Desk(workshop, tmp_path, "bob")
    assert "Emergency declared by carol" in carol.does("emergency", "--yes")
    assert "Reviewed by bob" in bob.does("review", "--fetch origin")
