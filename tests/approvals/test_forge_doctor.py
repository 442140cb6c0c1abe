"""What is missing where a forge should guard a branch: each setting spoilt by itself, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.approvals.forges.address import ForgeKind, forge_address
from interlock.approvals.forges.advice import WHY, Advice, Wanted
from interlock.approvals.forges.doctor import examined
from interlock.errors import ForgeError, ForgeMisbehaved, ForgeRefused, ForgeUnreachable
from support.forges.reading import FakeClock, forge
from support.forges.settings import (
    FORGEJO,
    GITHUB,
    GITLAB,
    GUARDED,
    Routes,
    forgejo_settings,
    github_protection,
    github_rulesets,
    gitlab_settings,
)
from support.forges.telling import PATH, reply
from support.scripted_engine import Script, answer

WANTED = Wanted(2, signed=True)
RULES, RULESET, PROTECTION = (
    f"{GITHUB}/rules/branches/main",
    f"{GITHUB}/rulesets/42",
    f"{GITHUB}/branches/main/protection",
)
REVIEWS, CHECKS = "required_pull_request_reviews", "required_status_checks"
BRANCHES, APPROVALS, PUSH_RULE = f"{GITLAB}/protected_branches", f"{GITLAB}/approvals", f"{GITLAB}/push_rule"
RULE = f"{FORGEJO}/branch_protections/main"
SOMEBODY = {"access_level": 40, "access_level_description": "Maintainers", "user_id": None, "group_id": None}
BOT = {"access_level": 0, "access_level_description": "bot", "user_id": 7, "group_id": None}


def told(kind: ForgeKind, script: Script, wanted: Wanted = WANTED, branch: str | None = None) -> dict[str, Advice]:
    with forge(kind, script) as reading:
        address = forge_address(f"{kind}:{reading.server.url}/{PATH}")
        name, found = examined(address, branch, wanted, {}, clock=FakeClock())
    assert name == (branch or "main")
    assert len({item.setting for item in found}) == len(found)
    return {item.setting: item for item in found}


def states(found: dict[str, Advice], status: str) -> set[str]:
    return {setting for setting, item in found.items() if item.status == status}


@pytest.mark.parametrize("name", GUARDED)
def test_a_branch_that_is_guarded_has_nothing_missing(name: str) -> None:
    kind, guarded = GUARDED[name]
    found = told(kind, guarded())
    assert {setting: item.found for setting, item in found.items() if item.status != "ok"} == {}


def test_every_setting_says_what_goes_wrong_without_it() -> None:
    seen = {setting for kind, guarded in GUARDED.values() for setting in told(kind, guarded())}
    assert seen == WHY.keys()


@pytest.mark.parametrize(
    ("path", "way", "to", "missing"),
    [
        (RULES, (0, "parameters", "required_approving_review_count"), 1, "approvals"),
        (RULES, (0, "parameters", "required_approving_review_count"), 0, "approvals"),
        (RULES, (0, "parameters", "dismiss_stale_reviews_on_push"), False, "stale-approvals"),
        (RULES, (0, "parameters", "require_last_push_approval"), False, "last-push"),
        (RULES, (0, "parameters", "require_code_owner_review"), False, "code-owners"),
        (RULES, (1, "parameters", "required_status_checks", 0, "integration_id"), None, "check-source"),
        (RULES, (1, "parameters", "required_status_checks", 0, "context"), "other", "status-check check-source"),
        (RULES, (1, "parameters", "strict_required_status_checks_policy"), False, "up-to-date"),
        (RULES, (2, "type"), "creation", "force-push"),
        (RULES, (3, "type"), "creation", "deletion"),
        (RULES, (4, "type"), "creation", "signed-commits"),
        (RULESET, ("bypass_actors",), [{"actor_id": 5, "actor_type": "RepositoryRole"}], "nobody-bypasses"),
        (RULESET, ("bypass_actors",), [{"actor_id": None, "actor_type": "OrganizationAdmin"}], "nobody-bypasses"),
        (RULESET, ("bypass_actors",), [{"actor_id": 9, "actor_type": "Integration"}], "nobody-bypasses"),
        (GITHUB, ("allow_rebase_merge",), True, "rebase-merging"),
    ],
)
def test_rulesets_of_github_that_lack_one_setting(path: str, way: Any, to: Any, missing: str) -> None:
    found = told("github", github_rulesets().spoil(path, *way, to=to))
    assert states(found, "missing") == set(missing.split())
    assert states(found, "unknown") == set()


@pytest.mark.parametrize(
    ("way", "to", "missing"),
    [
        ((REVIEWS, "required_approving_review_count"), 1, "approvals"),
        ((REVIEWS, "dismiss_stale_reviews"), False, "stale-approvals"),
        ((REVIEWS, "require_last_push_approval"), False, "last-push"),
        ((REVIEWS, "require_code_owner_reviews"), False, "code-owners"),
        ((REVIEWS, "bypass_pull_request_allowances"), {"apps": [{"slug": "bot"}]}, "nobody-bypasses"),
        ((CHECKS, "checks", 0, "app_id"), None, "check-source"),
        ((CHECKS, "checks", 0, "app_id"), -1, "check-source"),
        ((CHECKS, "strict"), False, "up-to-date"),
        ((CHECKS,), None, "status-check check-source up-to-date"),
        (("enforce_admins", "enabled"), False, "nobody-bypasses"),
        (("allow_force_pushes", "enabled"), True, "force-push"),
        (("allow_deletions", "enabled"), True, "deletion"),
        (("required_signatures", "enabled"), False, "signed-commits"),
        ((REVIEWS,), None, "approvals stale-approvals last-push code-owners"),
    ],
)
def test_branch_protection_of_github_that_lacks_one_setting(way: Any, to: Any, missing: str) -> None:
    found = told("github", github_protection().spoil(PROTECTION, *way, to=to))
    assert states(found, "missing") == set(missing.split())


def test_a_branch_of_github_that_nothing_guards_lacks_everything() -> None:
    routes = github_rulesets()
    routes.documents[RULES] = []
    found = told("github", routes)
    assert states(found, "ok") == {"rebase-merging"}
    assert states(found, "unknown") == set()


def test_branch_protection_that_is_not_told_makes_what_rulesets_lack_unknown() -> None:
    routes = github_rulesets().spoil(RULES, 0, "parameters", "require_last_push_approval", to=False)
    routes.documents[PROTECTION] = (403, {"message": "Resource not accessible by integration"})
    found = told("github", routes)
    assert states(found, "missing") == set()
    assert states(found, "unknown") == {"last-push", "nobody-bypasses"}
    assert "403" in found["last-push"].found


@pytest.mark.parametrize("ruleset", [(403, {"message": "no"}), (404, {"message": "Not Found"}), "untold"])
def test_who_may_bypass_a_ruleset_is_unknown_where_it_is_not_told(ruleset: Any) -> None:
    routes = github_rulesets()
    if ruleset == "untold":
        del routes.documents[RULESET]["bypass_actors"]
    else:
        routes.documents[RULESET] = ruleset
    assert states(told("github", routes), "unknown") == {"nobody-bypasses"}


def test_a_merge_queue_keeps_branches_up_to_date() -> None:
    routes = github_rulesets().spoil(RULES, 1, "parameters", "strict_required_status_checks_policy", to=False)
    routes.documents[RULES].append({"type": "merge_queue", "ruleset_id": 42, "parameters": {"merge_method": "SQUASH"}})
    assert states(told("github", routes), "missing") == set()


def test_rebasing_may_be_off_by_a_rule() -> None:
    routes = github_rulesets().spoil(GITHUB, "allow_rebase_merge", to=True)
    routes.spoil(RULES, 0, "parameters", "allowed_merge_methods", to=["squash"])
    assert states(told("github", routes), "missing") == set()


@pytest.mark.parametrize(
    ("path", "way", "to", "missing"),
    [
        (BRANCHES, (0, "name"), "maintenance", "protected force-push nobody-bypasses code-owners"),
        (BRANCHES, (0, "allow_force_push"), True, "force-push"),
        (BRANCHES, (0, "push_access_levels"), [SOMEBODY], "nobody-bypasses"),
        (BRANCHES, (0, "push_access_levels"), [BOT], "nobody-bypasses"),
        (BRANCHES, (0, "push_access_levels"), [{**SOMEBODY, "deploy_key_id": 3}], "nobody-bypasses"),
        (BRANCHES, (0, "push_access_levels"), [], "nobody-bypasses"),
        (BRANCHES, (1, "name"), "ma*", "nobody-bypasses force-push"),
        (BRANCHES, (0, "code_owner_approval_required"), False, "code-owners"),
        (APPROVALS, ("reset_approvals_on_push",), False, "stale-approvals"),
        (APPROVALS, ("merge_requests_author_approval",), True, "own-approval"),
        (APPROVALS, ("merge_requests_disable_committers_approval",), False, "committers-approval"),
        (APPROVALS, ("disable_overriding_approvers_per_merge_request",), False, "rules-overridden"),
        (f"{GITLAB}/approval_rules", (0, "approvals_required"), 1, "approvals"),
        (f"{GITLAB}/approval_rules", (0, "protected_branches"), [{"name": "other"}], "approvals"),
        (GITLAB, ("only_allow_merge_if_pipeline_succeeds",), False, "status-check"),
        (GITLAB, ("allow_merge_on_skipped_pipeline",), True, "skipped-check"),
        (GITLAB, ("ci_config_path",), None, "check-place"),
        (GITLAB, ("ci_config_path",), ".gitlab-ci.yml", "check-place"),
        (GITLAB, ("merge_method",), "ff", "rebase-merging"),
        (PUSH_RULE, ("reject_unsigned_commits",), None, "signed-commits"),
    ],
)
def test_a_project_of_gitlab_that_lacks_one_setting(path: str, way: Any, to: Any, missing: str) -> None:
    found = told("gitlab", gitlab_settings().spoil(path, *way, to=to))
    assert states(found, "missing") == set(missing.split())
    assert states(found, "unknown") == set()


def test_a_fast_forward_that_always_squashes_is_one_decision() -> None:
    routes = gitlab_settings().spoil(GITLAB, "merge_method", to="ff").spoil(GITLAB, "squash_option", to="always")
    assert states(told("gitlab", routes), "missing") == set()


def test_a_wildcard_of_gitlab_guards_the_branches_that_it_names() -> None:
    routes = gitlab_settings().spoil(BRANCHES, 0, "name", to="ma*")
    assert states(told("gitlab", routes), "missing") == set()


def test_no_other_character_of_gitlab_is_a_wildcard() -> None:
    routes = gitlab_settings().spoil(BRANCHES, 0, "name", to="mai[n]")
    assert "protected" in states(told("gitlab", routes), "missing")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_an_edition_of_gitlab_does_not_tell_is_unknown(status: int) -> None:
    routes = gitlab_settings()
    for path in (APPROVALS, f"{GITLAB}/approval_rules", PUSH_RULE, BRANCHES):
        routes.documents[path] = (status, {"message": "no"})
    found = told("gitlab", routes)
    assert states(found, "missing") == set()
    assert "approvals" in states(found, "unknown")
    assert states(found, "ok") == {"status-check", "skipped-check", "check-place", "rebase-merging"}


@pytest.mark.parametrize(
    ("way", "to", "missing"),
    [
        (("required_approvals",), 1, "approvals"),
        (("dismiss_stale_approvals",), False, "stale-approvals"),
        (("enable_approvals_whitelist",), False, "code-owners"),
        (("enable_status_check",), False, "status-check"),
        (("status_check_contexts",), ["lint"], "status-check"),
        (("status_check_contexts",), None, "status-check"),
        (("block_on_outdated_branch",), False, "up-to-date"),
        (("apply_to_admins",), False, "nobody-bypasses"),
        (("apply_to_admins",), None, "nobody-bypasses"),
        (("enable_push",), True, "nobody-bypasses"),
        (("unprotected_file_patterns",), "**", "nobody-bypasses"),
        (("enable_force_push",), True, "force-push"),
        (("require_signed_commits",), False, "signed-commits"),
    ],
)
def test_a_repository_of_forgejo_that_lacks_one_setting(way: Any, to: Any, missing: str) -> None:
    found = told("forgejo", forgejo_settings().spoil(RULE, *way, to=to))
    assert states(found, "missing") == set(missing.split())


def test_gitea_words_its_rule_for_administrators_in_another_way() -> None:
    routes = forgejo_settings().spoil(RULE, "apply_to_admins", to=None)
    routes.spoil(RULE, "block_admin_merge_override", to=True)
    assert states(told("forgejo", routes), "missing") == set()


def test_people_on_a_list_may_push_and_nobody_on_an_empty_one() -> None:
    routes = forgejo_settings().spoil(RULE, "enable_push", to=True).spoil(RULE, "enable_push_whitelist", to=True)
    assert states(told("forgejo", routes), "missing") == set()
    routes.spoil(RULE, "push_whitelist_usernames", to=["promoting-bot"])
    assert states(told("forgejo", routes), "missing") == {"nobody-bypasses"}


@pytest.mark.parametrize("key", ["allow_rebase", "allow_fast_forward_only_merge"])
def test_a_way_of_merging_that_takes_single_commits_over_is_missing(key: str) -> None:
    assert states(told("forgejo", forgejo_settings().spoil(FORGEJO, key, to=True)), "missing") == {"rebase-merging"}


def test_a_branch_of_forgejo_without_a_rule_lacks_everything() -> None:
    routes = forgejo_settings().spoil(f"{FORGEJO}/branches/main", "protected", to=False)
    assert states(told("forgejo", routes), "ok") == {"rebase-merging"}


def test_a_rule_of_forgejo_that_is_not_told_is_unknown() -> None:
    routes = forgejo_settings().spoil(f"{FORGEJO}/branches/main", "effective_branch_protection_name", to="")
    found = told("forgejo", routes)
    assert states(found, "ok") == {"protected", "rebase-merging"}
    assert states(found, "missing") == set()
    routes = forgejo_settings()
    routes.documents[RULE] = (403, {"message": "user should be an owner or a collaborator with admin write"})
    assert states(told("forgejo", routes), "missing") == set()


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize(
    ("script", "error"),
    [
        (lambda _: reply({"message": "Bad credentials"}, status=401), ForgeRefused),
        (lambda _: reply({"message": "no"}, status=403), ForgeRefused),
        (lambda _: reply({"message": "Not Found"}, status=404), ForgeRefused),
        (lambda _: [answer(b"", status=500)], ForgeUnreachable),
        (lambda _: [answer(b"", status=429, headers={"Retry-After": "999"})], ForgeUnreachable),
        (lambda _: [answer(b"<html>Sign in</html>")], ForgeMisbehaved),
        (lambda _: [answer(b"")], ForgeMisbehaved),
        (lambda _: reply([]), ForgeMisbehaved),
        (lambda _: reply({"default_branch": 5}), ForgeMisbehaved),
    ],
    ids=["401", "403", "404", "500", "429", "html", "empty", "list", "wrong-type"],
)
def test_a_forge_that_does_not_answer_is_no_healthy_one(name: str, script: Script, error: type[ForgeError]) -> None:
    with pytest.raises(error):
        told(GUARDED[name][0], script)


@pytest.mark.parametrize("name", GUARDED)
def test_an_answer_of_another_shape_is_no_healthy_setting(name: str) -> None:
    kind, guarded = GUARDED[name]
    for path, document in guarded().documents.items():
        if isinstance(document, list) or path in (GITHUB, GITLAB, FORGEJO):
            routes: Routes = guarded()
            routes.documents[path] = {"default_branch": []}
            with pytest.raises(ForgeMisbehaved):
                told(kind, routes)


@pytest.mark.parametrize("branch", ["release/2026", "a b", "100%"])
def test_a_branch_with_a_strange_name_is_one_part_of_the_path(branch: str) -> None:
    routes = github_rulesets()
    for path in (RULES, PROTECTION):
        routes.documents[path.replace("main", branch)] = routes.documents[path]
    assert states(told("github", routes, branch=branch), "missing") == set()
