"""The history of pointers: one entry a decision, told apart by commit and not by value, whatever the files contain."""

from __future__ import annotations

import pytest

from interlock.errors import HistoryError
from interlock.history.git_command import Git
from interlock.history.pointer_history import MAX_POINTER_BYTES, PointerChange, pointer_changes
from interlock.history.repository import GitRepository
from interlock.history.way_back import earlier_active
from support.git_remotes import Published
from support.repositories import Repository

BOT = "environments/dev/pointers/bot.yaml"
SQL = "environments/dev/pointers/sql.yaml"


@pytest.fixture
def work(published: Published) -> Repository:
    """A git work tree with one empty commit."""
    return published.work


def pointer(revision: str, adapter: str = "bot") -> str:
    return f'kind: Pointer\nadapter: {adapter}\nactive: "{revision}"\n'


def point(work: Repository, *revisions: str, path: str = BOT) -> list[str]:
    commits = []
    for revision in revisions:
        work.write(path, pointer(revision))
        commits.append(work.commit(f"serve {revision}"))
    return commits


def changes(work: Repository, adapter: str | None = None) -> list[PointerChange]:
    return pointer_changes(Git(work.root), work.git("rev-parse", "HEAD"), "dev", adapter)


def history(work: Repository, adapter: str = "bot") -> list[str | None]:
    return [change.active for change in changes(work, adapter)]


def test_every_change_is_listed_with_its_commit_newest_first(work: Repository) -> None:
    first, second = point(work, "1", "2")
    assert changes(work) == [PointerChange(second, "dev", "bot", "2"), PointerChange(first, "dev", "bot", "1")]


def test_changes_of_other_files_are_no_changes(work: Repository) -> None:
    point(work, "1")
    work.write("environments/prod/pointers/bot.yaml", pointer("9"))
    work.write("environments/dev/environment.yaml", "a: 1\n")
    work.write("environments/dev/pointers/README.md", "hello\n")
    work.write("environments/dev/pointers/below/bot.yaml", pointer("8"))
    work.commit("elsewhere")
    assert history(work) == ["1"]


def test_one_commit_that_moves_two_pointers_is_a_change_of_each(work: Repository) -> None:
    work.write(BOT, pointer("1"))
    work.write(SQL, pointer("7", "sql"))
    commit = work.commit("both")
    assert changes(work) == [PointerChange(commit, "dev", "bot", "1"), PointerChange(commit, "dev", "sql", "7")]
    assert history(work, "sql") == ["7"]


def test_a_value_that_comes_back_with_the_identical_file_is_a_change_of_its_own(work: Repository) -> None:
    first, _, third = point(work, "a", "b", "a")
    assert work.git("rev-parse", f"{first}:{BOT}") == work.git("rev-parse", f"{third}:{BOT}")
    assert [(change.commit, change.active) for change in changes(work)][::2] == [(third, "a"), (first, "a")]
    assert earlier_active(changes(work), "bot") == ["b"]


def test_a_plain_revert_is_a_change_back(work: Repository) -> None:
    point(work, "1", "2")
    work.git("revert", "--no-edit", "HEAD")
    assert history(work) == ["1", "2", "1"]


def test_a_revert_of_the_revert_is_the_first_change_again(work: Repository) -> None:
    point(work, "1", "2")
    work.git("revert", "--no-edit", "HEAD")
    work.git("revert", "--no-edit", "HEAD")
    assert history(work) == ["2", "1", "2", "1"]
    assert earlier_active(changes(work), "bot") == ["1"]


def test_reverting_the_older_of_two_promotions_touches_only_its_own_file(work: Repository) -> None:
    point(work, "1")
    point(work, "1", path=SQL)
    older = point(work, "2")[0]
    point(work, "2", path=SQL)
    work.git("revert", "--no-edit", older)
    assert history(work, "bot") == ["1", "2", "1"]
    assert history(work, "sql") == ["2", "1"]


def test_only_first_parents_count(work: Repository) -> None:
    point(work, "1")
    work.git("checkout", "--quiet", "-b", "topic")
    point(work, "2", "3")
    work.git("checkout", "--quiet", "main")
    work.commit("meanwhile")
    work.git("merge", "--quiet", "--no-ff", "--message", "promote 3", "topic")
    assert next((change.commit, change.active) for change in changes(work)) == (work.git("rev-parse", "HEAD"), "3")
    assert history(work) == ["3", "1"]


def test_what_a_merge_itself_makes_of_a_pointer_is_its_change(work: Repository) -> None:
    point(work, "1")
    work.git("checkout", "--quiet", "-b", "topic")
    point(work, "2")
    work.git("checkout", "--quiet", "main")
    work.git("merge", "--quiet", "--no-ff", "--no-commit", "topic")
    point(work, "3")
    assert history(work) == ["3", "1"]


def test_merging_a_repaired_branch_again_after_a_revert_changes_nothing_and_history_says_so(work: Repository) -> None:
    point(work, "1")
    work.git("checkout", "--quiet", "-b", "topic")
    point(work, "2")
    work.git("checkout", "--quiet", "main")
    work.git("merge", "--quiet", "--no-ff", "--message", "promote 2", "topic")
    work.git("revert", "--no-edit", "-m", "1", "HEAD")
    work.git("checkout", "--quiet", "topic")
    work.write("notes.md", "repaired\n")
    work.commit("repair")
    work.git("checkout", "--quiet", "main")
    work.git("merge", "--quiet", "--no-ff", "--message", "promote 2 again", "topic")
    assert history(work) == ["1", "2", "1"]
    assert work.git("show", f"HEAD:{BOT}") == pointer("1").strip()


def test_a_removed_pointer_is_a_change_to_nothing(work: Repository) -> None:
    point(work, "1", "2")
    work.remove(BOT)
    work.commit("retire")
    assert history(work) == [None, "2", "1"]
    assert earlier_active(changes(work), "bot") == ["2", "1"]
    point(work, "3")
    assert earlier_active(changes(work), "bot") == ["2", "1"]


def test_a_renamed_pointer_is_one_that_went_and_one_that_came(work: Repository) -> None:
    point(work, "1")
    work.git("mv", BOT, SQL)
    work.commit("rename")
    assert history(work, "bot") == [None, "1"]
    assert history(work, "sql") == ["1"]


@pytest.mark.parametrize(
    "content",
    [
        "", "active: [", "active: 7\n", "adapter: bot\n", "- a\n", "active: {}\n", 'active: "../../x"\n',
        'active: "1"\nactive: "2"\n', "a: &x 1\nactive: *x\n", 'active: ""\n', b"\xff\xfe", b"\0",
    ],
)  # fmt: skip
def test_a_former_pointer_that_nobody_can_read_is_left_out(work: Repository, content: str | bytes) -> None:
    point(work, "1")
    work.write(BOT, content)
    work.commit("broken")
    point(work, "2")
    assert history(work) == ["2", "1"]


@pytest.mark.parametrize("size", [50_000, MAX_POINTER_BYTES + 1])
def test_a_former_pointer_that_is_too_deep_or_too_large_is_left_out(work: Repository, size: int) -> None:
    point(work, "1")
    work.write(BOT, "[" * size)
    work.commit("huge")
    point(work, "2")
    assert history(work) == ["2", "1"]


def test_a_pointer_that_is_a_link_is_left_out(work: Repository) -> None:
    point(work, "1")
    work.remove(BOT)
    (work.root / BOT).symlink_to('active: "6"')
    work.commit("a link whose target reads like a pointer")
    assert history(work) == ["1"]


@pytest.mark.parametrize(
    "name", ["\x01.yaml", "a\x01b.yaml", ":100644.yaml", "new\nline.yaml", "ö.yaml", ".yaml", "B.yaml"]
)
def test_a_name_that_no_adapter_can_have_is_left_out_and_hides_nothing(work: Repository, name: str) -> None:
    point(work, "1")
    work.write(f"environments/dev/pointers/{name}", pointer("6"))
    work.write(BOT, pointer("2"))
    work.commit("odd name")
    work.remove(f"environments/dev/pointers/{name}")
    work.commit("repaired")
    assert [(change.adapter, change.active) for change in changes(work)] == [("bot", "2"), ("bot", "1")]


def test_a_file_name_cannot_forge_a_commit(work: Repository) -> None:
    point(work, "1")
    forged = "f" * 40
    work.write(f"environments/dev/pointers/\x01{forged}", pointer("6"))
    work.write(f"environments/dev/pointers/{forged}", pointer("6"))
    work.commit("forgery")
    assert forged not in {change.commit for change in changes(work)}


def test_settings_of_the_repository_do_not_change_what_is_read(work: Repository) -> None:
    work.git("checkout", "--quiet", "--orphan", "beginning")
    point(work, "0", path=SQL)
    work.git("mv", SQL, BOT)
    work.commit("rename")
    point(work, "1")
    work.git("checkout", "--quiet", "-b", "topic")
    point(work, "2")
    work.git("checkout", "--quiet", "beginning")
    work.git("merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    expected = changes(work), changes(work, "bot"), changes(work, "sql")
    assert [[change.active for change in found] for found in expected] == [
        ["2", "1", "0", None, "0"], ["2", "1", "0"], [None, "0"],
    ]  # fmt: skip
    for setting in (
        "log.diffMerges=combined", "log.showRoot=false", "log.follow=true", "log.showSignature=true",
        "log.decorate=full", "log.mailmap=true", "diff.renames=copies", "diff.external=false", "diff.relative=true",
        "diff.noprefix=true", "format.pretty=fuller", "core.abbrev=4", "core.quotePath=true", "core.pager=false",
        "color.ui=always",
    ):  # fmt: skip
        work.git("config", *setting.split("="))
    assert (changes(work), changes(work, "bot"), changes(work, "sql")) == expected


def test_replace_refs_and_a_mailmap_do_not_change_the_history(work: Repository) -> None:
    first, second, third = point(work, "1", "2", "3")
    work.write(".mailmap", "Mallory <mallory@example.com> <alice@example.com>\n")
    work.commit("mailmap")
    expected = changes(work)
    work.git("replace", second, first)
    work.git("replace", "--graft", third)
    assert changes(work) == expected
    assert [change.active for change in expected] == ["3", "2", "1"]


def test_a_shallow_clone_is_told_to_fetch_the_rest(work: Repository, published: Published) -> None:
    point(work, "1", "2")
    published.push()
    shallow = published.remote.parent / "shallow"
    work.git("clone", "--quiet", "--depth", "1", published.url, str(shallow))
    repository = GitRepository(shallow)
    with pytest.raises(HistoryError, match="is a shallow clone") as error:
        pointer_changes(repository.git, repository.head(), "dev")
    assert error.value.remedy == "run: git fetch --unshallow"


def test_an_environment_without_pointers_has_no_history(work: Repository) -> None:
    assert changes(work) == []


def test_history_ends_at_the_commit_that_was_asked_for(work: Repository) -> None:
    first, _ = point(work, "1", "2")
    assert [change.active for change in pointer_changes(Git(work.root), first, "dev")] == ["1"]


def test_anything_but_a_full_commit_id_is_refused(work: Repository) -> None:
    for name in ("HEAD", "main", "--all", "0123456"):
        with pytest.raises(ValueError, match="is not a valid commit"):
            pointer_changes(Git(work.root), name, "dev")


@pytest.mark.parametrize(
    ("actives", "expected"),
    [
        ([], []),
        (["1"], []),
        (["1", "2"], ["1"]),
        (["1", "2", "3"], ["2", "1"]),
        (["a", "b", "a"], ["b"]),
        (["a", "b", "a", "b"], ["a"]),
        (["1", "2", "3", "2"], ["1", "3"]),
        (["1", "2", "3", "1"], ["3", "2"]),
        (["1", "2", "3", "2", "4"], ["2", "1", "3"]),
        (["1", "1", "2", "2"], ["1"]),
        (["1", None, "2"], ["1"]),
        (["1", "2", None], ["2", "1"]),
        (["1", None, "1"], []),
    ],
)
def test_earlier_revisions_come_in_the_order_in_which_one_goes_back(
    actives: list[str | None], expected: list[str]
) -> None:
    newest_first = [PointerChange("0" * 40, "dev", "bot", active) for active in reversed(actives)]
    others = [PointerChange("0" * 40, "dev", "sql", "99")]
    assert earlier_active([*others, *newest_first, *others], "bot") == expected
