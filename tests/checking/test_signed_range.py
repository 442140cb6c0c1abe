"""Who stands behind each commit of a branch, by the keys of the trusted side and by what is known today."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.checking.signed_range import JudgedCommit, SignedRange, find_root, verify_range
from interlock.errors import HistoryError
from interlock.findings.finding import Verdict
from support.signed_branch import ROSTER, SignedBranch

TODAY = dt.date(2026, 11, 25)


@pytest.fixture
def branch(tmp_path: Path) -> SignedBranch:
    return SignedBranch.begin(tmp_path, alice=("validator",), bob=("trainer",), carol=("operator",))


def judged(branch: SignedBranch, accepted: str, **options: Any) -> SignedRange:
    return verify_range(branch.reader, accepted, branch.head, now=TODAY, **options)


def last(branch: SignedBranch, accepted: str) -> JudgedCommit:
    return judged(branch, accepted).branch[-1]


def test_commits_that_people_of_the_roster_signed_pass(branch: SignedBranch) -> None:
    start = branch.head
    commits = [branch.commit("alice", {"a.md": "a"}), branch.commit("bob", {"b.md": "b"})]
    found = judged(branch, start)
    assert found.verdict is Verdict.PASS
    assert found.why == ""
    assert [(each.commit, each.signer.name if each.signer else "") for each in found.branch] == [
        (commits[0], "alice"),
        (commits[1], "bob"),
    ]
    assert all(branch.git_says(commit, "alice", "bob") for commit in commits)


def test_an_unsigned_commit_in_the_middle_is_found_where_git_would_look_at_the_last_alone(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("alice", {"a.md": "a"})
    unsigned = branch.commit("", {"b.md": "b"})
    head = branch.commit("alice", {"c.md": "c"})
    found = judged(branch, start)
    assert branch.git_says(head, "alice")
    assert found.verdict is Verdict.FAIL
    assert found.why == f"commit {unsigned[:12]}: it is not signed"


def test_a_stranger_s_signature_is_refused(branch: SignedBranch) -> None:
    start = branch.head
    commit = branch.commit("mallory", {"a.md": "a"})
    found = last(branch, start)
    assert found.signer is None
    assert "nobody in the roster holds the key SHA256:" in found.why_not
    assert not branch.git_says(commit, "alice", "bob")


def test_the_name_in_a_commit_counts_for_nothing(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("bob", {"a.md": "a"}, "--author", "alice <alice@example.com>")
    signer = last(branch, start).signer
    assert signer
    assert signer.name == "bob"


def test_a_tampered_commit_is_refused(branch: SignedBranch) -> None:
    start = branch.head
    data = branch.raw(branch.commit("alice", {"a.md": "a"}, "-m", "harmless"))
    commit = branch.object(data.replace(b"harmless", b"harmful!"))
    branch.git("reset", "--hard", "--quiet", commit)
    assert "not over these bytes" in last(branch, start).why_not
    assert not branch.git_says(commit, "alice")


def test_a_signature_for_another_purpose_is_no_signature_of_a_commit(branch: SignedBranch) -> None:
    start = branch.head
    data = branch.raw(branch.commit("", {"a.md": "a"}))
    head, _, message = data.partition(b"\n\n")
    made = branch.keys["alice"].sign(data, "interlock-approval").encode().rstrip(b"\n").replace(b"\n", b"\n ")
    branch.git("reset", "--hard", "--quiet", branch.object(head + b"\ngpgsig " + made + b"\n\n" + message))
    assert "interlock-approval" in last(branch, start).why_not


def test_a_new_person_counts_from_the_next_commit_on(branch: SignedBranch) -> None:
    start = branch.head
    branch.people["dora"] = {"login": "dora", "id": 9, "emails": ["d@example.com"], "keys": [branch.key("dora").public]}
    branch.commit("alice", {ROSTER: branch.roster()})
    branch.commit("dora", {"a.md": "a"})
    found = judged(branch, start)
    assert found.verdict is Verdict.PASS
    assert [each.changes_roster for each in found.branch] == [True, False]


def test_nobody_lets_themselves_in(branch: SignedBranch) -> None:
    start = branch.head
    branch.people["mallory"] = {"login": "mallory", "id": 9, "emails": ["m@example.com"], "roles": ["validator"]}
    branch.people["mallory"]["keys"] = [branch.key("mallory").public]
    branch.commit("mallory", {ROSTER: branch.roster()})
    branch.commit("mallory", {"a.md": "a"})
    found = judged(branch, start)
    assert found.verdict is Verdict.FAIL
    assert "nobody in the roster" in found.branch[0].why_not


def test_a_key_is_changed_by_a_commit_that_the_old_key_signs(branch: SignedBranch) -> None:
    start = branch.head
    branch.people["alice"]["keys"] = [branch.key("alice-new").public]
    branch.commit("alice", {ROSTER: branch.roster()})
    branch.commit("alice-new", {"a.md": "a"})
    assert judged(branch, start).verdict is Verdict.PASS
    branch.commit("alice", {"b.md": "b"})
    assert "nobody in the roster" in last(branch, start).why_not, "the old key is gone"


def test_a_new_key_does_not_vouch_for_itself(branch: SignedBranch) -> None:
    start = branch.head
    branch.people["alice"]["keys"].append(branch.key("alice-new").public)
    branch.commit("alice-new", {ROSTER: branch.roster()})
    assert "nobody in the roster" in last(branch, start).why_not


def dated(branch: SignedBranch, login: str, **dates: str) -> None:
    """Write dates beside the key of a person."""
    branch.people[login]["keys"] = [{"key": branch.keys[login].public, **dates}]


def test_a_stolen_key_signs_nothing_that_was_not_accepted_before_it_was_revoked(branch: SignedBranch) -> None:
    accepted = branch.commit("bob", {"a.md": "a"})
    stolen = branch.commit("bob", {"b.md": "b"}, date="2026-01-01T00:00:00Z")
    assert judged(branch, accepted).verdict is Verdict.PASS, "nobody knows yet"
    dated(branch, "bob", revoked="2026-11-20")
    after = branch.commit("alice", {ROSTER: branch.roster()})
    found = judged(branch, accepted)
    assert [each.commit for each in found.refused] == [stolen]
    assert f"bob's key {branch.keys['bob'].fingerprint} was revoked on 2026-11-20" in found.why
    branch.commit("bob", {"c.md": "c"}, date="2026-01-01T00:00:00Z")
    assert "was revoked on 2026-11-20" in last(branch, after).why_not


def test_a_revocation_that_is_withdrawn_again_still_counts(branch: SignedBranch) -> None:
    accepted = branch.head
    dated(branch, "bob", revoked="2026-11-20")
    branch.commit("alice", {ROSTER: branch.roster()})
    dated(branch, "bob")
    branch.commit("alice", {ROSTER: branch.roster()})
    branch.commit("bob", {"a.md": "a"})
    assert "was revoked" in last(branch, accepted).why_not


def test_a_key_past_its_last_day_signs_nothing_though_git_calls_it_good(branch: SignedBranch) -> None:
    dated(branch, "bob", until="2026-11-24")
    start = branch.commit("alice", {ROSTER: branch.roster()})
    commit = branch.commit("bob", {"a.md": "a"}, date="2026-11-01T00:00:00Z")
    assert git_calls_it_good(branch, commit, "bob", until="20261124")
    assert last(branch, start).why_not == f"bob's key {branch.keys['bob'].fingerprint} ended on 2026-11-24"


def test_a_last_day_that_is_written_later_counts_too(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("bob", {"a.md": "a"}, date="2026-11-01T00:00:00Z")
    dated(branch, "bob", until="2026-11-24")
    branch.commit("alice", {ROSTER: branch.roster()})
    assert "ended on 2026-11-24" in judged(branch, start).why


def test_a_last_day_does_not_end_a_key_early(branch: SignedBranch) -> None:
    dated(branch, "bob", until="2026-11-25")
    start = branch.commit("alice", {ROSTER: branch.roster()})
    branch.commit("bob", {"a.md": "a"})
    assert judged(branch, start).verdict is Verdict.PASS


def git_calls_it_good(branch: SignedBranch, commit: str, name: str, *, until: str) -> bool:
    """What git says where the key of this person ended on a day, and the commit claims to be older."""
    return branch.git_says(commit, name, options=f'valid-before="{until}" ')


def test_who_may_sign_is_changed_by_nobody_without_the_role(branch: SignedBranch) -> None:
    start = branch.head
    branch.people["bob"]["roles"] = ["trainer", "validator"]
    branch.commit("bob", {ROSTER: branch.roster()})
    found = last(branch, start)
    assert found.signer is None
    assert "changes who may sign, and bob is no person with the role operator or validator" in found.why_not
    assert judged(branch, start, roster_roles=frozenset({"trainer"})).verdict is Verdict.PASS


def test_keys_of_gpg_beside_the_roster_are_guarded_like_it(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("bob", {"policies/keys/bob.asc": "x"})
    assert "changes who may sign" in last(branch, start).why_not


def test_a_machine_does_not_change_who_may_sign(branch: SignedBranch) -> None:
    machine = {"name": "bot", "keys": [branch.key("bot").public], "roles": ["validator", "operator"]}
    roster = json.loads(branch.roster()) | {"machines": [machine]}
    start = branch.commit("alice", {ROSTER: json.dumps(roster)})
    branch.commit("bot", {"a.md": "a"})
    found = last(branch, start)
    assert found.signer
    assert found.signer.is_machine
    branch.commit("bot", {ROSTER: branch.roster()})
    assert "bot is no person" in last(branch, start).why_not


def test_a_roster_that_cannot_be_read_leaves_the_next_commit_unknown(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("alice", {ROSTER: "kind: Roster\npeople: [\n"})
    branch.commit("alice", {"a.md": "a"})
    found = judged(branch, start)
    assert found.verdict is Verdict.UNKNOWN
    assert "the roster before it cannot be read" in found.why
    assert ROSTER in found.why


def test_without_a_roster_nobody_signs(branch: SignedBranch) -> None:
    start = branch.commit("alice", {ROSTER: None})
    branch.commit("alice", {"a.md": "a"})
    assert "nobody in the roster" in last(branch, start).why_not


def test_a_merge_is_judged_and_what_it_brought_in_is_told(branch: SignedBranch) -> None:
    start = branch.head
    branch.git("switch", "--quiet", "--create", "work")
    signed, unsigned = branch.commit("bob", {"b.md": "b"}), branch.commit("", {"c.md": "c"})
    branch.git("switch", "--quiet", "main")
    merge = branch.merge("alice", "work")
    found = judged(branch, start, merged=True)
    assert found.verdict is Verdict.PASS
    assert [each.commit for each in found.branch] == [merge]
    told = {each.commit: each.signer.name if each.signer else each.why_not for each in found.merged}
    assert told == {signed: "bob", unsigned: "it is not signed"}


def test_a_branch_that_came_by_a_second_parent_is_no_stretch_of_the_branch(branch: SignedBranch) -> None:
    start = branch.head
    branch.git("switch", "--quiet", "--create", "side")
    branch.commit("alice", {"a.md": "a"})
    accepted = branch.head
    branch.git("switch", "--quiet", "-C", "main", start)
    branch.commit("bob", {"b.md": "b"})
    branch.merge("alice", accepted)
    found = judged(branch, accepted)
    assert found.verdict is Verdict.FAIL
    assert "did not move" in found.why
    assert "by first parents" in found.why


def test_going_back_is_no_way_forward(branch: SignedBranch) -> None:
    older = branch.head
    newer = branch.commit("alice", {"a.md": "a"})
    found = verify_range(branch.reader, newer, older, now=TODAY)
    assert found.verdict is Verdict.FAIL
    assert "adds no commit" in found.why


def test_settings_of_the_repository_make_no_signature_good(branch: SignedBranch) -> None:
    start = branch.head
    branch.commit("mallory", {"a.md": "a"})
    program = branch.root / "says-yes"
    program.write_text("#!/bin/sh\necho 'Good \"git\" signature for alice@example.com with ED25519 key SHA256:x'\n")
    program.chmod(0o755)
    branch.git("config", "gpg.ssh.program", str(program))
    branch.git("config", "gpg.ssh.allowedSignersFile", str(branch.root / ".git" / "config"))
    assert judged(branch, start).verdict is Verdict.FAIL


def test_a_replaced_commit_is_judged_by_its_own_bytes(branch: SignedBranch) -> None:
    start = branch.head
    unsigned = branch.commit("", {"a.md": "a"})
    signed = branch.object(branch.raw(branch.commit("alice", {"a.md": "b"})))
    branch.git("replace", unsigned, signed)
    assert judged(branch, start).branch[0].why_not == "it is not signed"


def test_where_nothing_is_new_nothing_is_run() -> None:
    nowhere = SignedBranch(Path("/nowhere")).reader
    assert verify_range(nowhere, "1" * 40, "1" * 40, now=TODAY).verdict is Verdict.PASS


def test_the_root_is_the_newest_commit_signed_by_a_pinned_key(branch: SignedBranch) -> None:
    root = branch.commit("alice", {"a.md": "a"})
    branch.commit("bob", {"b.md": "b"})
    assert find_root(branch.reader, branch.head, [branch.keys["alice"].fingerprint]) == root
    assert judged(branch, root).verdict is Verdict.PASS


def test_without_a_commit_of_a_pinned_key_there_is_no_root(branch: SignedBranch) -> None:
    branch.commit("bob", {"b.md": "b"})
    with pytest.raises(HistoryError, match="no commit up to"):
        find_root(branch.reader, branch.head, [branch.key("root").fingerprint])
    with pytest.raises(HistoryError, match="no commit up to"):
        find_root(branch.reader, branch.head, [])
