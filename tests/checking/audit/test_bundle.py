"""The bundle: the same history gives the same bytes, and whatever is changed in it is noticed without a repository."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.command_line import Outcome, interlock
from support.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.promote("promote")
    for who in ("bob", "carol"):
        assert made.approve(who, "main..promote").status == 0
    made.merge("promote", "squash")
    return made


def bundle(workshop: Workshop, file: Path, *words: str | Path) -> Outcome:
    return interlock("audit", "-C", workshop.repository.root, "--bundle", file, *words)


def verify(file: Path) -> Outcome:
    return interlock("audit", "--verify-bundle", file)


def rewrite(file: Path, name: str, old: bytes, new: bytes) -> None:
    """Change the bytes of one member."""
    with tarfile.open(file) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert old in members[name]
    members[name] = members[name].replace(old, new, 1)
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_a_signed_bundle_is_intact_and_names_the_key(workshop: Workshop, tmp_path: Path) -> None:
    file = tmp_path / "audit.tar"
    assert bundle(workshop, file, "--key", workshop.team.key("carol")).status == 0
    outcome = verify(file)
    assert outcome.status == 0, outcome.out
    assert workshop.team.fingerprint("carol") in outcome.out
    assert "2 commits" in outcome.out


def test_the_same_history_gives_the_same_bytes(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("one.tar", "other.tar"):
        assert bundle(workshop, tmp_path / name).status == 0
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_ssh_keygen_takes_the_signature_too(workshop: Workshop, tmp_path: Path) -> None:
    bundle(workshop, tmp_path / "audit.tar", "--key", workshop.team.key("carol"))
    with tarfile.open(tmp_path / "audit.tar") as archive:
        archive.extractall(tmp_path / "out", filter="data")
    words = ["ssh-keygen", "-Y", "check-novalidate", "-n", "interlock-audit", "-s", str(tmp_path / "out/manifest.sig")]
    manifest = (tmp_path / "out/manifest.json").read_bytes()
    assert subprocess.run(words, input=manifest, capture_output=True, timeout=30, check=False).returncode == 0


def test_an_unsigned_bundle_is_not_taken_for_a_signed_one(workshop: Workshop, tmp_path: Path) -> None:
    bundle(workshop, tmp_path / "audit.tar")
    outcome = verify(tmp_path / "audit.tar")
    assert outcome.status == 1
    assert "NOT SIGNED" in outcome.out


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("report.json", b'"allowed"', b'"ALLOWED"'),
        ("commits.batch", b"Alice", b"Mallo"),
        ("statements.jsonl", b'"tree": "', b'"tree": "f'),
        ("documents.jsonl", b"roster", b"Roster"),
        ("manifest.json", b'"size": ', b'"size": 1'),
        ("manifest.sig", b"U1NIU0lH", b"U1NIU0lI"),
    ],
)
def test_whatever_is_changed_is_noticed(workshop: Workshop, tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    file = tmp_path / "audit.tar"
    bundle(workshop, file, "--key", workshop.team.key("carol"))
    rewrite(file, name, old, new)
    assert verify(file).status == 1


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10_240, b"\x1f\x8b\x08" + b"x" * 100])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "audit.tar").write_bytes(content)
    outcome = verify(tmp_path / "audit.tar")
    assert outcome.status == 1
    assert "Traceback" not in outcome.err


def test_a_truncated_bundle_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    file = tmp_path / "audit.tar"
    bundle(workshop, file, "--key", workshop.team.key("carol"))
    whole = file.read_bytes()
    for share in (0.1, 0.3, 0.6):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert verify(file).status == 1


def test_a_key_without_a_bundle_is_wrong_use(workshop: Workshop) -> None:
    words = ("audit", "-C", workshop.repository.root, "--key", workshop.team.key("carol"))
    assert interlock(*words).status == 2
