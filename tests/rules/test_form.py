"""Document form: every problem of the snapshot becomes a finding with its rule and its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.checking.checker import check_tree, exit_code
from interlock.documents.positions import Place, Problem
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import SUBMODULE, Entry, WorkingTree
from interlock.rules.facts import Facts
from interlock.rules.form import uncatalogued
from interlock.rules.registry import judge
from support.checks import WHOLE_FILE, refused
from support.repositories import Repository, manifest, pointer

POLICY = "policies/staging.yaml"
HEAD = "kind: Policy\nenvironments: [staging]\n"


@pytest.mark.parametrize(
    ("content", "at"),
    [
        pytest.param(f"{HEAD}approvals: [\n", "", id="list not closed"),
        pytest.param("kind Policy\n", "", id="no colon"),
    ],
)
def test_what_is_not_yaml_is_refused(repository: Repository, content: str, at: str) -> None:
    repository.write(POLICY, content)
    refused(repository, "yaml-syntax", POLICY, at)


def test_a_key_written_twice_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}environments: [dev]\n")
    refused(repository, "duplicate-key", POLICY, "environments: [dev]")


def test_an_anchor_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}approvals: &all {{count: 1}}\n")
    refused(repository, "yaml-anchor", POLICY, "&all")


def test_a_merge_key_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}approvals: {{<<: {{count: 1}}}}\n")
    refused(repository, "merge-key", POLICY, "<<")


def test_a_tag_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}approvals: !!map {{count: 1}}\n")
    refused(repository, "yaml-tag", POLICY, "!!map")


def test_two_documents_in_a_file_are_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}---\nkind: Policy\n")
    refused(repository, "several-documents", POLICY, "")


def test_a_key_that_is_a_list_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}approvals: {{[a]: 1}}\n")
    refused(repository, "complex-key", POLICY, "[a]")


def test_a_word_that_some_readers_take_for_false_is_refused(repository: Repository) -> None:
    repository.write(POLICY, "kind: Policy\nenvironments: [no]\n")
    refused(repository, "ambiguous-scalar", POLICY, "no]")


def test_a_huge_document_is_refused(repository: Repository) -> None:
    repository.write(POLICY, b"#" * (1024 * 1024 + 1))
    refused(repository, "document-too-large", POLICY, WHOLE_FILE)


def test_a_deep_document_is_refused(repository: Repository) -> None:
    repository.write(POLICY, "kind: " + "[" * 70 + "]" * 70)
    refused(repository, "document-too-deep", POLICY, "[")


def test_bytes_that_are_not_text_are_refused(repository: Repository) -> None:
    repository.write(POLICY, b"kind: Policy\nenvironments: [\xff]\n")
    refused(repository, "not-utf8", POLICY, "")


def test_infinity_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}canary: {{test: e-process, alpha: .inf}}\n")
    refused(repository, "non-finite-number", POLICY, ".inf")


def test_another_kind_than_the_place_asks_for_is_refused(repository: Repository) -> None:
    repository.write(POLICY, "kind: Pointer\nenvironments: [staging]\n")
    refused(repository, "wrong-kind", POLICY, "Pointer")


def test_another_name_than_that_of_the_file_is_refused(repository: Repository) -> None:
    repository.change("environments/production/environment.yaml", "name", to="prod")
    refused(repository, "name-mismatch", "environments/production/environment.yaml", '"prod"')


def test_an_unknown_key_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}aprovals: {{count: 1}}\n")
    finding = refused(repository, "unknown-key", POLICY, "aprovals")
    assert "approvals" in finding.remedy


def test_a_missing_key_is_refused(repository: Repository) -> None:
    repository.write(POLICY, "kind: Policy\n")
    refused(repository, "missing-key", POLICY, "kind")


def test_a_value_that_is_not_allowed_is_refused(repository: Repository) -> None:
    repository.write(POLICY, f"{HEAD}approvals: {{count: many}}\n")
    refused(repository, "invalid-value", POLICY, "many")


def test_a_revision_without_quotes_is_refused(repository: Repository) -> None:
    repository.write(pointer("dev", "support-bot"), "kind: Pointer\nadapter: support-bot\nactive: 3\n")
    finding = refused(repository, "unquoted-identifier", pointer("dev", "support-bot"), "3")
    assert '"3"' in finding.remedy


def test_a_shortened_digest_is_refused(repository: Repository) -> None:
    path = manifest("support-bot", "2")
    repository.change(path, "artifact", "digest", to="sha256:1f3a")
    refused(repository, "bad-digest", path, '"sha256:1f3a"')


def test_a_link_below_our_folders_is_refused(repository: Repository) -> None:
    (repository.root / POLICY).symlink_to("production.yaml")
    refused(repository, "symlink-in-tree", POLICY, WHOLE_FILE)


def test_a_submodule_below_our_folders_is_refused(repository: Repository) -> None:
    class WithSubmodule(WorkingTree):
        def entries(self) -> dict[str, Entry]:
            module = Entry("adapters/shared", SUBMODULE, 0, "1" * 40)
            return dict(sorted({**super().entries(), module.path: module}.items()))

    result = check_tree(WithSubmodule(repository.root))
    assert [(f.rule, str(f.place)) for f in result.findings] == [("submodule-in-tree", "adapters/shared")]
    assert exit_code(result) == 1


def test_two_names_that_differ_in_case_are_refused(repository: Repository) -> None:
    repository.write("adapters/support-bot/notes/Two.md", "")
    repository.write("adapters/support-bot/notes/two.md", "")
    refused(repository, "case-collision", "adapters/support-bot/notes/two.md", WHOLE_FILE)


def test_an_unsafe_name_is_refused(repository: Repository) -> None:
    repository.write("policies/Staging Rules.yaml", HEAD)
    refused(repository, "unsafe-name", "policies/Staging Rules.yaml", WHOLE_FILE)


def test_a_file_with_the_wrong_ending_is_refused(repository: Repository) -> None:
    repository.write("policies/staging.yml", HEAD)
    finding = refused(repository, "unexpected-file", "policies/staging.yml", WHOLE_FILE)
    assert "yaml" in finding.expected


def test_a_file_that_vanishes_while_it_is_read_is_refused(repository: Repository) -> None:
    class Vanishing(WorkingTree):
        def entries(self) -> dict[str, Entry]:
            listed = super().entries()
            (self.root / "policies/production.yaml").unlink()
            return listed

    result = check_tree(Vanishing(repository.root))
    assert [(f.rule, str(f.place)) for f in result.findings] == [("unreadable-file", "policies/production.yaml")]
    assert exit_code(result) == 1


def test_a_problem_of_a_kind_without_description_is_a_finding_all_the_same(repository: Repository) -> None:
    snapshot = read_snapshot(WorkingTree(repository.root))
    problem = Problem("brand-new", Place(POLICY, 1, 1), "something", "something else", "change it")
    facts = Facts(replace(snapshot, problems=(problem,)))
    assert [finding.rule for finding in uncatalogued(facts)] == ["brand-new"]
    assert "brand-new" in [finding.rule for finding in judge(facts)]
