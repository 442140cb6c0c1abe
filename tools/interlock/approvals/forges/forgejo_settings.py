"""Reads how Forgejo or Gitea guards a branch: the repository and the one rule of branch protection that counts.

Called by `doctor`. The rule is told to administrators of the repository only; otherwise it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from interlock.approvals.forges.advice import Advice, Wanted, advice
from interlock.approvals.forges.answers import S, Shape, ShortText, json_of, read
from interlock.approvals.forges.http import ForgeHttp
from interlock.errors import ForgeRefused

_RULE: Final = "Settings → Branches → Branch protection"
_UNITS: Final = "Settings → Units → Pull requests"


class _Repository(Shape):
    default_branch: ShortText
    allow_rebase: bool | None = None
    allow_fast_forward_only_merge: bool | None = None


class _Branch(Shape):
    protected: bool
    effective_branch_protection_name: ShortText = ""


class _Rule(Shape):
    rule_name: ShortText = ""
    enable_push: bool = False
    enable_push_whitelist: bool = False
    push_whitelist_usernames: list[str] | None = None
    push_whitelist_teams: list[str] | None = None
    push_whitelist_deploy_keys: bool = False
    enable_force_push: bool = False
    required_approvals: int = 0
    enable_approvals_whitelist: bool = False
    block_on_rejected_reviews: bool = False
    block_on_outdated_branch: bool = False
    dismiss_stale_approvals: bool = False
    ignore_stale_approvals: bool = False
    enable_status_check: bool = False
    status_check_contexts: list[str] | None = None
    require_signed_commits: bool = False
    unprotected_file_patterns: str = ""
    apply_to_admins: bool | None = None
    block_admin_merge_override: bool | None = None


@dataclass(frozen=True, slots=True)
class ForgejoSettings:
    """All that was read. `rule` is None where the branch has none, and a text where it is unknown."""

    branch: str
    repository: _Repository
    rule: _Rule | str | None


def read_forgejo(http: ForgeHttp, path: str, branch: str | None) -> ForgejoSettings:
    """The settings of a branch, of the default branch without a name.

    Raises:
        ForgeError: the repository or the branch cannot be read at all.
    """
    root = f"/repos/{path}"
    repository = _one(http, _Repository, root)
    branch = branch or repository.default_branch
    found = _one(http, _Branch, f"{root}/branches/{quote(branch, safe='')}")
    return ForgejoSettings(branch, repository, _rule(http, root, found))


def _rule(http: ForgeHttp, root: str, branch: _Branch) -> _Rule | str | None:
    if not branch.protected:
        return None
    name = branch.effective_branch_protection_name
    if not name:
        return "not told: the token is not of an administrator of the repository"
    try:
        return _one(http, _Rule, f"{root}/branch_protections/{quote(name, safe='')}")
    except ForgeRefused as error:
        return f"not told ({error.status}): the token is not of an administrator of the repository"


def _one(http: ForgeHttp, shape: type[S], path: str) -> S:
    return read(shape, json_of(http.get(path), http.where(path)), http.where(path))


def forgejo_advice(found: ForgejoSettings, wanted: Wanted) -> Iterator[Advice]:
    """What to make of the settings of a branch. Pure."""
    rule = found.rule
    protected = rule is not None
    yield advice("protected", protected, f"{found.branch}: {'a rule' if protected else 'no rule'}", "a rule", _RULE)
    for setting, (holds, told, expected) in _settings(rule if isinstance(rule, _Rule) else _Rule(), wanted).items():
        if isinstance(rule, str):
            yield advice(setting, None, rule, expected, _RULE)
        else:
            yield advice(setting, holds and protected, told if protected else "no rule", expected, _RULE)
    yield _rebase(found.repository)


def _settings(rule: _Rule, wanted: Wanted) -> dict[str, tuple[bool, str, str]]:
    """Setting → whether it holds, what was found, what is expected."""
    contexts = rule.status_check_contexts or []
    checked = rule.enable_status_check and any(wanted.check in context for context in contexts)
    listed = bool(rule.push_whitelist_usernames or rule.push_whitelist_teams or rule.push_whitelist_deploy_keys)
    pushed = rule.enable_push and (not rule.enable_push_whitelist or listed)
    stale = rule.dismiss_stale_approvals or rule.ignore_stale_approvals
    admins = bool(rule.apply_to_admins or rule.block_admin_merge_override)
    open_files = rule.unprotected_file_patterns
    found = {
        "approvals": (
            rule.required_approvals >= wanted.approvals,
            f"{rule.required_approvals} required",
            f"{wanted.approvals} or more",
        ),
        "stale-approvals": (stale, f"dismissing or ignoring stale approvals: {_on(stale)}", "on"),
        "code-owners": (
            rule.enable_approvals_whitelist,
            f"approvals of named people or teams only: {_on(rule.enable_approvals_whitelist)}",
            "on, with those who hold the roles: CODEOWNERS only asks for reviews here",
        ),
        "status-check": (checked, f"{', '.join(contexts[:8]) or 'no check'} required", f"a check named {wanted.check}"),
        "up-to-date": (
            rule.block_on_outdated_branch,
            f"blocking outdated branches: {_on(rule.block_on_outdated_branch)}",
            "on",
        ),
        "nobody-bypasses": (
            admins and not pushed and not open_files,
            "; ".join(
                [
                    f"the rule holds for administrators: {_on(admins)}",
                    f"pushing without a request: {_on(pushed)}",
                    *([f"files outside of the rule: {open_files[:80]}"] if open_files else []),
                ]
            ),
            "on for administrators, no pushing, no files outside",
        ),
        "force-push": (not rule.enable_force_push, f"force pushes: {_on(rule.enable_force_push)}", "off"),
    }
    if wanted.signed:
        found["signed-commits"] = (rule.require_signed_commits, f"required: {_on(rule.require_signed_commits)}", "on")
    return found


def _rebase(repository: _Repository) -> Advice:
    """A rebase that ends with a merge commit makes one commit of the branch, and is none of these."""
    ways = {
        "rebase": repository.allow_rebase,
        "fast-forward only": repository.allow_fast_forward_only_merge,
    }
    allowed = [way for way, value in ways.items() if value]
    holds = None if repository.allow_rebase is None else not allowed
    found = "not told" if holds is None else ", ".join(allowed) or "off"
    return advice("rebase-merging", holds, found, "rebase and fast-forward-only off: squash, or a merge commit", _UNITS)


def _on(value: bool) -> str:
    return "on" if value else "off"
