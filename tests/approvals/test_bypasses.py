"""The 26 known ways around separation of duties, by number: each is refused, or cannot be evaluated, and never passes.

`docs/approvals.md` lists them with these names. What a way needs of git, keys or a forge is real here; what is left is
asked of the quorum as its callers ask it. Each test also holds the honest case beside the trick, so that it cannot pass
because everything is refused.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.from_forge import approvals_of, contributors_of, why_unread
from interlock.approvals.keys import KeyRing
from interlock.approvals.people import People
from interlock.approvals.quorum import Needs, Quorum, judge
from interlock.approvals.reviews import ProposalFacts, Review
from interlock.checking.contributor_gathering import gather_contributors, gather_trainers
from interlock.checking.signed_range import verify_range
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.roster import Roster
from interlock.documents.public_keys import key_fingerprint
from interlock.documents.snapshot import read_snapshot
from interlock.errors import HistoryError
from interlock.findings.finding import Verdict
from interlock.history.contributors import contributors_between, hands_of
from interlock.history.git_command import Git
from interlock.history.repository import GitRepository
from interlock.rules.approval_decisions import decisions
from support.approving import Said
from support.changes import Proposal
from support.checks import WHOLE_FILE
from support.questions import (
    HEAD,
    NEEDS,
    OLD,
    OTHER_BASE,
    OTHER_TREE,
    TEAM,
    hand,
    hands,
    question,
    review,
    signer,
    statement,
    team,
)
from support.repositories import Repository, manifest, pointer
from support.rosters import account_of, key_of, person
from support.signed_branch import SignedBranch
from support.trusted_node import follows, stays, trusting

TODAY = dt.date(2026, 11, 25)
PRODUCTION = pointer("production", "support-bot")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit by erin on `main`."""
    made = Repository(tmp_path / "repository")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write("a.txt", "one\n")
    made.commit("Begin", who="erin")
    return made


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    """A whole repository with a team, in which alice proposes and reviews are asked for."""
    begun = Proposal.begin(tmp_path / "whole")
    staff = [person("alice", "trainer"), person("bob", "validator"), person("carol", "operator")]
    begun.repository.change("policies/roster.yaml", "people", to=staff)
    begun.merge()
    begun.said = Said()
    return begun


def reasons(quorum: Quorum) -> str:
    """Why approvals are not counted."""
    return "; ".join(one.why for one in quorum.not_counted)


def unknown(quorum: Quorum) -> str:
    """What would have to be known."""
    return "; ".join(quorum.unknown)


def of_commits(repository: Repository, base: str = "main", *, signed_by: str = "") -> Identified:
    """Who had a hand in what HEAD has beyond `base`, as the commands gather it; `signed_by` signed all of it."""
    git = Git(repository.root)
    start, head = repository.git("rev-parse", base), repository.git("rev-parse", "HEAD")
    commits = repository.git("rev-list", head, f"^{start}").split()
    signers = dict.fromkeys(commits, key_fingerprint(key_of(signed_by))) if signed_by else {}
    return gather_contributors(git, start, head, TEAM, signers=signers)


def propose(repository: Repository, message: str = "Change", *, who: str = "erin", text: str = "two\n") -> str:
    """One commit more on the branch `proposal`."""
    repository.git("checkout", "--quiet", "-B", "proposal")
    repository.write("a.txt", text)
    return repository.commit(message, who=who)


def test_the_honest_case_passes() -> None:
    found = judge(question())
    assert found.status == "pass"
    assert [(one.login, one.role) for one in found.counted] == [("bob", "validator"), ("carol", "operator")]
    assert judge(question(approvals=(statement("bob"), statement("carol")))).status == "pass"


def test_01_a_second_account_of_one_person() -> None:
    stranger = 4711
    found = judge(question(approvals=(review("bob"), review(stranger))))
    assert found.status == "fail"
    assert "nobody in the roster is known by it" in reasons(found)

    by_second_account = question(contributors=hands(Contributor("", "", "pusher", account=stranger)))
    found = judge(by_second_account)
    assert found.status == "unknown"
    assert "account 4711, pusher of the proposal, is nobody in the roster" in unknown(found)

    twice = team(person("bob2", "operator", emails=["BOB@example.com"]))
    found = judge(question(people=twice, approvals=(review("bob"), review("bob2"), review("carol"))))
    assert found.status == "unknown"
    assert found.counted == judge(question(approvals=(review("carol"),))).counted
    assert "the roster gives one of its marks to several entries" in reasons(found)


def test_02_a_commit_address_that_matches_nobody(repository: Repository) -> None:
    propose(repository, who="somebody-else")
    found = judge(question(contributors=of_commits(repository, signed_by="erin")))
    assert found.status == "unknown"
    assert "<somebody-else@example.com>, author of commit" in unknown(found)

    propose(repository, who="erin", text="three\n")
    repository.git("reset", "--quiet", "--soft", "main")
    repository.commit("Only by erin", who="erin")
    assert judge(question(contributors=of_commits(repository, signed_by="erin"))).status == "pass"


def test_03_a_forged_author_and_a_mailmap(repository: Repository) -> None:
    repository.write(
        ".mailmap", "Erin <erin@example.com> <mallory@example.com>\nErin <erin@example.com> <bob@example.com>\n"
    )
    propose(repository, who="mallory")
    found = judge(question(contributors=of_commits(repository, signed_by="erin")))
    assert found.status == "unknown"
    assert "<mallory@example.com>" in unknown(found)

    repository.git("reset", "--quiet", "--hard", "main")
    propose(repository, who="erin")  # somebody wrote erin's name into it
    found = judge(question(contributors=of_commits(repository)))
    assert found.status == "unknown"
    assert "nobody proved who made commit" in unknown(found)

    found = judge(question(contributors=of_commits(repository, signed_by="bob")))
    assert found.status == "fail"
    assert "the approver had a hand in the change, and nobody approves their own work" in reasons(found)


def test_04_contributors_through_the_second_parent_of_a_merge(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "side")
    repository.write("b.txt", "by bob\n")
    repository.commit("On the side", who="bob")
    repository.git("checkout", "--quiet", "main")
    repository.git("checkout", "--quiet", "-B", "proposal")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Merge", "side", who="erin")
    found = of_commits(repository, signed_by="erin")
    assert found.people == {"bob", "erin"}
    assert judge(question(contributors=found)).status == "fail"


@pytest.mark.parametrize(
    "trailer",
    [
        "Co-authored-by: Bob <bob@example.com>",
        "CO-AUTHORED-BY :   Bob  <BOB@example.com>  ",
        "Suggested-by: Bob <bob@example.com>",
        "  co-authored-by: bob <bob@example.com>\n\nA last paragraph that is no trailer.",
        "Co-authored-by: Bob <bob@example.com>\r",
    ],
)
def test_05_co_authors_and_suggestions(repository: Repository, trailer: str) -> None:
    propose(repository, f"Apply a suggestion\n\n{trailer}\n")
    made = of_commits(repository, signed_by="erin")
    assert made.people == {"bob", "erin"}
    assert judge(question(contributors=made)).status == "fail"
    assert judge(question(contributors=made, approvals=(review("dave"), review("carol")))).status == "pass"


def test_05_a_co_author_who_cannot_be_read(repository: Repository) -> None:
    propose(repository, "Change\n\nCo-authored-by: somebody\n")
    found = judge(question(contributors=of_commits(repository, signed_by="erin")))
    assert found.status == "unknown"
    assert "somebody, co-author of commit" in unknown(found)


def test_06_one_person_counted_twice() -> None:
    found = judge(question(approvals=(review("dave"), review("dave", 1), statement("dave"))))
    assert found.status == "fail"
    assert len(found.counted) == 1
    assert "the approver is counted once already" in reasons(found)
    accounts = team(person("dave", "validator", "operator", accounts={"github": 1, "gitlab": 2}))
    both = (review(1, commit=HEAD), review(2, commit=HEAD), statement("dave"))
    assert len(judge(question(people=accounts, forge="github", approvals=both)).counted) == 1


def test_07_an_approver_outside_the_role() -> None:
    found = judge(question(approvals=(review("bob"), review("frank"), review("alice")), trainers=None, activator=None))
    assert found.status == "fail"
    assert "it was given as no role, and operator or validator is asked for" in reasons(found)
    assert "it was given as trainer" in reasons(found)
    claimed = statement("bob", roles=frozenset({"operator"}))
    assert judge(question(approvals=(claimed, statement("carol")))).status == "fail"
    two_validators = judge(question(approvals=(review("bob"), review("dave", roles=frozenset({"validator"})))))
    assert two_validators.status == "fail"
    assert "1 approval in the role operator, and none counts" in "; ".join(two_validators.missing)


def test_08_a_push_after_the_approval_and_an_approval_by_the_last_pusher() -> None:
    found = judge(question(approvals=(review("bob", commit=OLD), review("carol"))))
    assert found.status == "fail"
    assert f"it was given for commit {OLD[:12]}, and the proposal ends with {HEAD[:12]}" in reasons(found)
    assert judge(question(approvals=(review("bob", commit=None), review("carol")))).status == "fail"

    pushed = Contributor("", "", "pusher", account=account_of("bob"))
    found = judge(question(contributors=hands(hand("erin"), pushed)))
    assert found.status == "fail"
    assert "nobody approves their own work" in reasons(found)


def test_09_edits_hidden_in_an_update_of_the_branch(repository: Repository) -> None:
    reviewed = propose(repository)
    repository.git("checkout", "--quiet", "main")
    repository.write("b.txt", "meanwhile\n")
    repository.commit("Meanwhile", who="carol")
    repository.git("checkout", "--quiet", "proposal")
    repository.git("merge", "--quiet", "--no-ff", "--no-commit", "main")
    repository.write("a.txt", "something nobody saw\n")
    updated = repository.commit("Merge main into proposal", who="bob")
    tree = repository.git("rev-parse", f"{updated}^{{tree}}")
    asked = question(
        contributors=of_commits(repository, signed_by="erin"), tree=tree, head_tree=tree, head_commit=updated
    )

    before_it = judge(replace(asked, approvals=(review("dave", commit=reviewed), review("carol", commit=reviewed))))
    assert before_it.status == "fail"
    assert "the proposal ends with" in reasons(before_it)
    by_whoever_updated = judge(
        replace(asked, approvals=(review("bob", commit=updated), review("carol", commit=updated)))
    )
    assert by_whoever_updated.status == "fail"
    after_it = judge(replace(asked, approvals=(review("dave", commit=updated), review("carol", commit=updated))))
    assert after_it.status == "pass"


def test_10_an_unreviewed_commit_in_the_middle_and_an_evil_merge(repository: Repository) -> None:
    propose(repository)
    repository.write("a.txt", "smuggled\n")
    repository.commit("In the middle", who="mallory")
    propose(repository, text="two\n")
    found = judge(question(contributors=of_commits(repository, signed_by="erin")))
    assert found.status == "unknown"
    assert "<mallory@example.com>" in unknown(found)

    reviewed = repository.git("rev-parse", "HEAD^{tree}")
    evil = question(tree=OTHER_TREE, head_tree=reviewed)
    found = judge(evil)
    assert found.status == "fail"
    assert "merging gives another tree than the one that was reviewed" in reasons(found)
    found = judge(question(approvals=(statement("bob", tree=reviewed), statement("carol"))))
    assert found.status == "fail"
    assert f"it was given for the tree {reviewed[:12]}" in reasons(found)


def test_10_every_commit_of_the_branch_stands_by_itself(tmp_path: Path) -> None:
    branch = SignedBranch.begin(tmp_path, alice=("validator",))
    start = branch.head
    branch.commit("alice", {"a.md": "a"})
    unsigned = branch.commit("", {"b.md": "b"})
    branch.commit("alice", {"c.md": "c"})
    found = verify_range(branch.reader, start, branch.head, now=TODAY)
    assert found.verdict is Verdict.FAIL
    assert unsigned[:12] in found.why


def reviewed_by(*states: tuple[str, str]) -> ProposalFacts:
    """A proposal with these reviews of its head: who, and the state in which the forge shows each now."""
    reviews = tuple(
        Review(account_of(who), who, "human", state, HEAD, order)  # type: ignore[arg-type]
        for order, (who, state) in enumerate(states)
    )
    return ProposalFacts(1, account_of("erin"), "main", HEAD, reviews=reviews)


def test_11_a_dismissed_request_for_changes_revives_no_approval() -> None:
    said = reviewed_by(("bob", "approved"), ("carol", "approved"), ("bob", "dismissed"))
    found = judge(question(approvals=approvals_of(said)))
    assert found.status == "fail"
    assert "it was taken back or dismissed" in reasons(found)
    still = reviewed_by(("bob", "approved"), ("carol", "approved"), ("bob", "changes-requested"))
    found = judge(question(approvals=(*approvals_of(still), review("dave", 9))))
    assert found.status == "fail"
    assert found.objections == ("bob asked for changes and has not approved since",)
    again = reviewed_by(("bob", "approved"), ("carol", "approved"), ("bob", "dismissed"), ("bob", "approved"))
    assert judge(question(approvals=approvals_of(again))).status == "pass"


@pytest.mark.parametrize(
    ("elsewhere", "why"),
    [
        ({"environment": "staging"}, "the environment staging"),
        ({"adapter": "sql-helper"}, "the adapter sql-helper"),
        ({"target_ref": "refs/heads/release"}, "the branch release"),
        ({"from_commit": OTHER_BASE}, "the earlier commit dddd"),
        ({"tree": OTHER_TREE}, "the tree 8888"),
        ({"tree": None}, "it does not say for which tree"),
    ],
)
def test_12_an_approval_reused_in_another_context(elsewhere: dict[str, Any], why: str) -> None:
    found = judge(question(approvals=(statement("bob", **elsewhere), statement("carol"))))
    assert found.status == "fail"
    assert why in reasons(found)
    if "target_ref" in elsewhere:
        assert judge(question(approvals=(review("bob", target_ref="release"), review("carol")))).status == "fail"


def test_13_the_revert_of_the_revert(repository: Repository) -> None:
    first, old_tree = repository.git("rev-parse", "HEAD"), repository.git("rev-parse", "HEAD^{tree}")
    repository.write("a.txt", "two\n")
    promoted = repository.commit("Promote", who="erin")
    repository.git("revert", "--no-edit", promoted, who="erin")
    reverted = repository.git("rev-parse", "HEAD")
    assert repository.git("rev-parse", "HEAD^{tree}") == old_tree
    repository.git("revert", "--no-edit", "HEAD", who="erin")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    assert tree == repository.git("rev-parse", f"{promoted}^{{tree}}"), "the same content as the one that was approved"

    given_then = (statement("bob", tree=tree, from_commit=first), statement("carol", tree=tree, from_commit=first))
    assert judge(question(tree=tree, base_commit=first, approvals=given_then)).status == "pass"
    found = judge(question(tree=tree, base_commit=reverted, approvals=given_then))
    assert found.status == "fail"
    assert f"it was given for the earlier commit {first}" in reasons(found)
    reviews_then = (review("bob", commit=promoted), review("carol", commit=promoted))
    again = question(tree=tree, head_tree=tree, head_commit=repository.git("rev-parse", "HEAD"), approvals=reviews_then)
    assert judge(again).status == "fail"


def test_14_an_expired_key_and_a_commit_dated_back(tmp_path: Path) -> None:
    branch = SignedBranch.begin(tmp_path, alice=("validator",), bob=("operator",))
    branch.people["alice"]["keys"] = [{"key": branch.key("alice").public, "until": "2026-06-30"}]
    branch.commit("bob", {"policies/roster.yaml": branch.roster()})
    start = branch.head
    branch.commit("alice", {"a.md": "a"}, date="2026-01-01T12:00:00Z")
    assert branch.git_says(branch.head, "alice", options='valid-before="20260630" '), "git itself believes the date"

    found = verify_range(branch.reader, start, branch.head, now=TODAY)
    assert found.verdict is Verdict.FAIL
    assert "ended on 2026-06-30" in found.why
    people = People.of(Roster.model_validate({"kind": "Roster", "people": list(branch.people.values())}))
    signers = {one.commit: one.fingerprint for one in found.branch if one.signer and one.fingerprint}
    made = gather_contributors(branch.reader, start, branch.head, people, signers=signers)
    assert made.unproven == (branch.head,)

    ring = KeyRing.of(Roster.model_validate({"kind": "Roster", "people": list(branch.people.values())}), TODAY)
    assert ring.holder(branch.key("alice").fingerprint) is None
    void = statement("bob", why_void=ring.why_not(branch.key("alice").fingerprint))
    assert judge(question(approvals=(void, statement("carol")))).status == "fail"


def test_15_bots_approve_nothing() -> None:
    found = judge(question(approvals=(review("bob", is_human=False), review("carol"))))
    assert found.status == "fail"
    assert "the account is a bot's, and only people approve" in reasons(found)
    found = judge(question(approvals=(review(77), review("carol"))))
    assert found.status == "fail"
    assert "merge-bot is a machine of the roster, and only people approve" in reasons(found)
    assert judge(question(approvals=(statement("eval-ci"), statement("carol")))).status == "fail"
    found = judge(question(approvals=(review("bob", is_human=None), review("carol"))))
    assert found.status == "unknown"
    assert "the forge does not say whether the account is a person's" in unknown(found)


def test_16_the_promoting_bot_in_the_bypass_list() -> None:
    bot = Identified(machines=frozenset({"merge-bot"}))
    by_bot = hands(hand("merge-bot"), hand("merge-bot", "committer"), signer("merge-bot"))
    found = judge(question(contributors=by_bot, activator=bot, approvals=()))
    assert found.status == "fail"
    assert "asks for 2 approvals, and none counts" in "; ".join(found.missing)
    assert found.conflicts == (
        "merge-bot had a hand in the change and merged it, and the policy keeps author and activator apart",
    )
    assert judge(question(contributors=by_bot)).status == "pass"


def test_17_an_administrator_s_bypass_and_a_rule_switched_off_and_on() -> None:
    merged_anyway = replace(reviewed_by(), merged_commit=OLD, pushers=(account_of("frank"),), pushers_known=True)
    made = identify(contributors_of(merged_anyway), TEAM)
    found = judge(question(contributors=made, approvals=approvals_of(merged_anyway)))
    assert found.status == "fail"
    assert "none counts" in "; ".join(found.missing)
    assert made.people == {"erin", "frank"}, "whoever pushed to the branch had a hand in it"


def test_17_a_push_past_every_rule_of_the_forge_changes_nothing_on_a_node(tmp_path: Path) -> None:
    node = trusting(tmp_path)
    commit = node.promote("alice", "2")
    stays(node, "NotApproved", commit[:12])
    node.approve(commit, "bob")
    node.approve(commit, "carol")
    follows(node, "2")


def test_18_a_verdict_signed_by_somebody_who_is_no_attester(tmp_path: Path) -> None:
    node = trusting(tmp_path)
    commit = node.promote("alice", "2")
    node.attest(commit, "bob")
    stays(node, "NotApproved", "bob", "attester")
    node.attest(commit)
    follows(node, "2")


def test_18_a_forged_commit_status(proposal: Proposal) -> None:
    """A status is asked nowhere: what a forge says about a proposal has no place for one, and it approves nothing."""
    assert not {"status", "statuses", "checks", "conclusion"} & set(ProposalFacts.__dataclass_fields__)
    proposal.repository.point("production", "support-bot", active="2")
    assert proposal.said
    proposal.said.approves(41898282, kind="bot")  # "all checks have passed"
    finding = proposal.refused("approvals-missing", PRODUCTION, '"2"')
    assert "none counts" in finding.found


def test_19_no_approval_asked_for_and_checks_that_did_not_run(proposal: Proposal) -> None:
    nobody = Needs(paths=("policies/production.yaml",))
    found = judge(question(needs=nobody, approvals=()))
    assert found.status == "fail"
    assert "policies/production.yaml asks for no approval, which approves nothing" in found.missing
    assert judge(question(needs=Needs(asked=False), approvals=())).status == "fail"

    unread = why_unread(replace(reviewed_by(("bob", "approved")), complete=False, why_incomplete="HTTP 502"))
    found = judge(question(unread=unread))
    assert found.status == "unknown"
    assert "HTTP 502" in unknown(found)

    assert proposal.said
    proposal.said.complete = False
    proposal.repository.point("production", "support-bot", active="2")
    proposal.said.approves("bob")
    proposal.refused("approvals-not-evaluable", PRODUCTION, '"2"', exit_status=4)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("policies/production.yaml", "# approvals: none\n"),
        (".github/CODEOWNERS", "* @mallory\n"),
        (".github/workflows/check.yml", "on: pull_request\n"),
        (".gitlab-ci.yml", "check: {script: [true]}\n"),
    ],
)
def test_20_what_decides_is_edited_in_the_same_change(proposal: Proposal, path: str, text: str) -> None:
    file = proposal.repository.root / path
    proposal.repository.write(path, (file.read_text() if file.exists() else "") + text)
    finding = proposal.refused("approvals-missing", path, WHOLE_FILE)
    assert "policies/production.yaml asks for 1 approval" in finding.found


def test_20_the_roster_is_edited_in_the_same_change(proposal: Proposal) -> None:
    document = proposal.repository.read("policies/roster.yaml")
    people = [*document["people"], person("mallory", "validator")]
    proposal.repository.write("policies/roster.yaml", document | {"people": people})
    proposal.repository.point("production", "support-bot", active="2")
    assert proposal.said
    proposal.said.approves(account_of("mallory"))
    found = {finding.rule: finding for finding in proposal.check().findings if finding.blocks}
    assert {"approvals-missing", "pointer-not-alone", "policy-not-alone"} <= found.keys()
    assert "nobody in the roster is known by it" in found["approvals-missing"].found


def test_21_the_author_approves_by_proposing() -> None:
    people = team(person("erin", "validator", "operator"))
    found = judge(question(people=people, approvals=(review("erin"), statement("erin"), review("carol"))))
    assert found.status == "fail"
    assert "nobody approves their own work" in reasons(found)
    nothing_distinct = Needs(1, {}, frozenset(), frozenset(), paths=NEEDS.paths)
    found = judge(question(people=people, needs=nothing_distinct, approvals=(review("erin"),)))
    assert found.status == "fail", "also where the policy keeps nothing apart"
    assert judge(question(people=people, needs=nothing_distinct, approvals=(review("carol"),))).status == "pass"


def test_22_approving_and_promoting_as_one_right(proposal: Proposal) -> None:
    merged_by_carol = Identified(people=frozenset({"carol"}))
    found = judge(question(activator=merged_by_carol))
    assert found.status == "fail"
    assert "the approver merged it, and the policy keeps activator and approver apart" in reasons(found)
    assert judge(question(activator=None)).status == "unknown"
    assert judge(question(activator=None, merged=False)).status == "pass", "nobody has merged it yet"

    proposal.repository.change("policies/production.yaml", "rollback", to={"approvals": 0})
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    (decision,) = decisions(proposal.check().change)
    assert not decision.rollback, "a hotfix by name is a promotion: the revision was never active there"
    assert decision.needs.count == 1


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        ("anybody@example.com", "*@example.com"),
        ("bob@example.com.evil.org", "bob@example.com"),
        ("xbob@example.com", "bob@example.com"),
        ("bob@exampleXcom", "bob@example.com"),
        ("bob@example.com", "b?b@example.com"),
        ("\u212aim@example.com", "kim@example.com"),
        ("b\u043eb@example.com", "bob@example.com"),
        ("bob@example.com ", "bob@example.com"),
    ],
)
def test_23_names_made_to_match_a_pattern(address: str, pattern: str) -> None:
    people = team(person("kim", "operator", emails=[pattern]), without=("bob",))
    assert people.by_email(address) is None
    made = hands(Contributor("x", address, "author", HEAD), signer("erin"), people=people)
    assert judge(question(people=people, contributors=made)).status != "pass"
    assert people.by_email(pattern.upper()) is not None


def test_23_a_login_is_no_identity() -> None:
    found = judge(question(approvals=(review(4711, login="bob"), review("carol", login="mallory"))))
    assert found.status == "fail"
    assert [one.login for one in found.counted] == ["carol"]
    assert "account 4711 (bob)" in [one.who for one in found.not_counted]


def test_24_an_actor_taken_from_a_file(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.change(manifest("support-bot", "2"), "provenance", "builder", to="eval-ci")
    repository.commit("Register", who="bob")
    git = GitRepository(repository.root)
    head = git.head()
    with git.commit_tree(head) as tree:
        made = gather_trainers(git.git, head, read_snapshot(tree), RevisionId("support-bot", "2"), TEAM)
    assert {"bob", "alice"} <= made.people, "whoever committed the manifest, whatever it names"
    assert made.machines == {"eval-ci"}, "a name in the file can only add somebody"
    assert judge(question(trainers=made)).status == "fail"


RAW = b"tree %b\nparent %b\nauthor %b 1700000000 +0000\ncommitter Erin <erin@example.com> 1700000000 +0000\n\nx\n"


@pytest.mark.parametrize(
    "author",
    [
        b"Erin <erin@example.com> <bob@example.com>",
        b"Erin <erin@example.com>>",
        b"Erin erin@example.com",
        b"Erin <erin@example.com\xff>",
        b"<>",
        b"Erin <erin@example.com\0bob@example.com>",
        b"Erin < erin@example.com>",
    ],
)
def test_25_an_author_that_two_readers_read_differently(author: bytes) -> None:
    found = hands_of(HEAD, RAW % (b"7" * 40, b"c" * 40, author))
    made = identify([Contributor(one.name, one.email, one.how, one.commit) for one in found] + [signer("erin")], TEAM)
    assert judge(question(contributors=made)).status == "unknown"


def test_25_headers_that_are_faked_or_repeated() -> None:
    honest = RAW % (b"7" * 40, b"c" * 40, b"Erin <erin@example.com>")
    assert {one.email for one in hands_of(HEAD, honest)} == {"erin@example.com"}
    in_signature = honest.replace(b"\n\n", b"\ngpgsig -----BEGIN\n author Carol <carol@example.com> 1 +0000\n\n", 1)
    assert {one.email for one in hands_of(HEAD, in_signature)} == {"erin@example.com"}
    second = honest.replace(b"\ncommitter", b"\nauthor Bob <bob@example.com> 1700000000 +0000\ncommitter")
    assert {one.email for one in hands_of(HEAD, second)} == {"erin@example.com", "bob@example.com"}
    with pytest.raises(HistoryError, match="does not say who made it"):
        hands_of(HEAD, honest.replace(b"\ncommitter", b"\nCommitter"))


def test_25_a_replaced_commit_is_read_as_it_was_made(repository: Repository) -> None:
    made = propose(repository, who="bob")
    repository.git("checkout", "--quiet", "-b", "other", "main")
    innocent = propose(repository, who="erin")
    repository.git("replace", made, innocent)
    hands_found = contributors_between(Git(repository.root), repository.git("rev-parse", "main"), made)
    assert {one.email for one in hands_found} == {"bob@example.com"}


def test_25_a_roster_that_two_readers_read_differently(proposal: Proposal) -> None:
    path = proposal.repository.root / "policies/roster.yaml"
    proposal.repository.write("policies/roster.yaml", path.read_text() + "people: []\n")
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    assert proposal.said
    proposal.said.approves("bob")
    found = [finding for finding in proposal.check().findings if finding.rule.startswith("approvals-")]
    assert {finding.rule for finding in found} == {"approvals-not-evaluable"}
    assert any("policies/roster.yaml of the trusted side cannot be read" in finding.found for finding in found)


def test_25_a_cut_history_says_nothing(repository: Repository, tmp_path: Path) -> None:
    propose(repository)
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.root}", str(tmp_path / "shallow"))
    with pytest.raises(HistoryError, match="shallow clone"):
        contributors_between(Git(tmp_path / "shallow"), None, repository.git("rev-parse", "HEAD"))


def test_26_evidence_written_by_the_promoter() -> None:
    for author in (Identified(people=frozenset({"erin"})), Identified(machines=frozenset({"trainer-ci"}))):
        found = judge(question(evaluators=author))
        assert found.status == "fail"
        assert "signed evidence about it" in found.conflicts[0]
    by_approver = judge(question(evaluators=Identified(people=frozenset({"carol"}))))
    assert by_approver.status == "fail"
    assert "the approver signed evidence about it" in reasons(by_approver)
    stranger = Identified(unknown=(Contributor("", "", "signer", key="SHA256:x"),))
    assert judge(question(evaluators=stranger)).status == "unknown"


def test_the_table_of_the_documentation_names_every_number_and_a_test_of_it() -> None:
    text = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\d+) \| .* \| `(test_(\d\d)_\w+)` \|$", text, re.MULTILINE)
    assert [int(number) for number, _, _ in told] == list(range(1, 27))
    for number, name, of_number in told:
        assert int(number) == int(of_number)
        assert callable(globals()[name])
