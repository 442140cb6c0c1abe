"""Forges whose settings are as they should be, in the shapes that their APIs document; a test then spoils one of them.

`Routes` answers from a mapping of paths to documents. A document may be `(status, document)`.
"""

from __future__ import annotations

import copy
from typing import Any

from interlock.approvals.forges.address import ForgeKind
from support.forges.telling import PATH, Asked, reply
from support.scripted_engine import ReceivedRequest

GITHUB, GITLAB, FORGEJO = f"/api/v3/repos/{PATH}", f"/api/v4/projects/{PATH}", f"/api/v1/repos/{PATH}"


class Routes:
    """Answers by path; 404 for every other path, as the forge words it."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = copy.deepcopy(documents)

    def __call__(self, request: ReceivedRequest) -> list[bytes]:
        found = self.documents.get(Asked.of(request).path, (404, {"message": "Not Found"}))
        status, document = found if isinstance(found, tuple) else (200, found)
        return reply(document, status=status)

    def spoil(self, path: str, *way: str | int, to: Any) -> Routes:
        """Set one value; the same routes, to go on."""
        at: Any = self.documents[path]
        for step in way[:-1]:
            at = at[step]
        at[way[-1]] = to
        return self


def _rule(kind: str, **parameters: Any) -> dict[str, Any]:
    source = {"ruleset_source_type": "Repository", "ruleset_source": PATH, "ruleset_id": 42}
    return {"type": kind, **source, **({"parameters": parameters} if parameters else {})}


_GITHUB_REPOSITORY = {
    "id": 1296269,
    "full_name": PATH,
    "default_branch": "main",
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": False,
}
_RULES = [
    _rule(
        "pull_request",
        required_approving_review_count=2,
        dismiss_stale_reviews_on_push=True,
        require_code_owner_review=True,
        require_last_push_approval=True,
        required_review_thread_resolution=False,
        allowed_merge_methods=["merge", "squash", "rebase"],
    ),
    _rule(
        "required_status_checks",
        required_status_checks=[{"context": "conclusion", "integration_id": 15368}, {"context": "lint"}],
        strict_required_status_checks_policy=True,
    ),
    _rule("non_fast_forward"),
    _rule("deletion"),
    _rule("required_signatures"),
]
_RULESET = {
    "id": 42,
    "name": "guard main",
    "target": "branch",
    "source_type": "Repository",
    "source": PATH,
    "enforcement": "active",
    "bypass_actors": [],
    "current_user_can_bypass": "never",
}
_NOT_PROTECTED = (404, {"message": "Branch not protected", "status": "404"})


def github_rulesets() -> Routes:
    """A branch that rulesets guard."""
    return Routes(
        {
            GITHUB: _GITHUB_REPOSITORY,
            f"{GITHUB}/rules/branches/main": _RULES,
            f"{GITHUB}/rulesets/42": _RULESET,
            f"{GITHUB}/branches/main/protection": _NOT_PROTECTED,
        }
    )


def github_protection() -> Routes:
    """A branch that the older branch protection guards."""
    return Routes(
        {
            GITHUB: _GITHUB_REPOSITORY,
            f"{GITHUB}/rules/branches/main": [],
            f"{GITHUB}/branches/main/protection": {
                "url": f"https://api.github.com/repos/{PATH}/branches/main/protection",
                "required_status_checks": {
                    "strict": True,
                    "contexts": ["conclusion"],
                    "checks": [{"context": "conclusion", "app_id": 15368}],
                },
                "enforce_admins": {"url": "https://…", "enabled": True},
                "required_pull_request_reviews": {
                    "dismiss_stale_reviews": True,
                    "require_code_owner_reviews": True,
                    "required_approving_review_count": 2,
                    "require_last_push_approval": True,
                    "bypass_pull_request_allowances": {"users": [], "teams": [], "apps": []},
                },
                "required_signatures": {"url": "https://…", "enabled": True},
                "allow_force_pushes": {"enabled": False},
                "allow_deletions": {"enabled": False},
            },
        }
    )


def gitlab_settings() -> Routes:
    """A project of GitLab Premium."""
    nobody = {"id": 1, "access_level": 0, "access_level_description": "No one", "user_id": None, "group_id": None}
    maintainers = {**nobody, "access_level": 40, "access_level_description": "Maintainers"}
    return Routes(
        {
            GITLAB: {
                "id": 4,
                "path_with_namespace": PATH,
                "default_branch": "main",
                "merge_method": "merge",
                "squash_option": "default_off",
                "only_allow_merge_if_pipeline_succeeds": True,
                "allow_merge_on_skipped_pipeline": None,
                "ci_config_path": "interlock.gitlab-ci.yml@platform/pipelines",
            },
            f"{GITLAB}/protected_branches": [
                {
                    "id": 1,
                    "name": "main",
                    "push_access_levels": [nobody],
                    "merge_access_levels": [maintainers],
                    "allow_force_push": False,
                    "code_owner_approval_required": True,
                },
                {"id": 2, "name": "release/*", "push_access_levels": [maintainers], "allow_force_push": True},
            ],
            f"{GITLAB}/approvals": {
                "reset_approvals_on_push": True,
                "merge_requests_author_approval": False,
                "merge_requests_disable_committers_approval": True,
                "disable_overriding_approvers_per_merge_request": True,
                "require_password_to_approve": False,
            },
            f"{GITLAB}/approval_rules": [
                {"id": 1, "name": "people", "rule_type": "regular", "approvals_required": 2, "protected_branches": []},
                {
                    "id": 2,
                    "name": "release",
                    "rule_type": "regular",
                    "approvals_required": 5,
                    "protected_branches": [{"id": 2, "name": "release/*"}],
                },
            ],
            f"{GITLAB}/push_rule": {"id": 1, "reject_unsigned_commits": True},
        }
    )


def forgejo_settings() -> Routes:
    """A repository of Forgejo."""
    return Routes(
        {
            FORGEJO: {
                "id": 3,
                "full_name": PATH,
                "default_branch": "main",
                "allow_merge_commits": True,
                "allow_rebase": False,
                "allow_rebase_explicit": True,
                "allow_squash_merge": True,
                "allow_fast_forward_only_merge": False,
            },
            f"{FORGEJO}/branches/main": {
                "name": "main",
                "protected": True,
                "required_approvals": 2,
                "effective_branch_protection_name": "main",
            },
            f"{FORGEJO}/branch_protections/main": {
                "branch_name": "main",
                "rule_name": "main",
                "enable_push": False,
                "enable_push_whitelist": False,
                "push_whitelist_usernames": None,
                "push_whitelist_teams": None,
                "push_whitelist_deploy_keys": False,
                "enable_status_check": True,
                "status_check_contexts": ["check / conclusion (pull_request)"],
                "required_approvals": 2,
                "enable_approvals_whitelist": True,
                "block_on_rejected_reviews": True,
                "block_on_outdated_branch": True,
                "dismiss_stale_approvals": True,
                "ignore_stale_approvals": False,
                "require_signed_commits": True,
                "protected_file_patterns": "",
                "unprotected_file_patterns": "",
                "apply_to_admins": True,
            },
        }
    )


GUARDED: dict[str, tuple[ForgeKind, Any]] = {
    "github-rulesets": ("github", github_rulesets),
    "github-protection": ("github", github_protection),
    "gitlab": ("gitlab", gitlab_settings),
    "forgejo": ("forgejo", forgejo_settings),
}
