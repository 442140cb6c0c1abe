"""Reads how GitLab guards a branch: the project, its protected branches, its approval settings and rules.

Called by `doctor`. Approval settings are there in GitLab Premium and above; elsewhere they are not told, and unknown.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from interlock.approvals.forges.advice import Advice, Wanted, advice
from interlock.approvals.forges.answers import S, Shape, ShortText, json_of, read
from interlock.approvals.forges.http import ForgeHttp
from interlock.approvals.forges.paging import linked_pages
from interlock.errors import ForgeMisbehaved, ForgeRefused

_BRANCHES: Final = "Settings → Repository → Protected branches"
_APPROVALS: Final = "Settings → Merge requests → Merge request approvals"
_CHECKS: Final = "Settings → Merge requests → Merge checks"
_METHOD: Final = "Settings → Merge requests → Merge method"
_PIPELINES: Final = "Settings → CI/CD → General pipelines"
_PUSH_RULES: Final = "Settings → Repository → Push rules"


class _Project(Shape):
    default_branch: ShortText
    merge_method: ShortText | None = None
    squash_option: ShortText | None = None
    only_allow_merge_if_pipeline_succeeds: bool | None = None
    allow_merge_on_skipped_pipeline: bool | None = None
    ci_config_path: ShortText | None = None


class _Level(Shape):
    access_level: int | None = None
    access_level_description: ShortText = ""
    user_id: int | None = None
    group_id: int | None = None
    deploy_key_id: int | None = None

    @property
    def is_nobody(self) -> bool:
        """Whether this level lets nobody in."""
        return self.access_level == 0 and {self.user_id, self.group_id, self.deploy_key_id} == {None}


class _Branch(Shape):
    name: ShortText
    push_access_levels: list[_Level] = []
    allow_force_push: bool = False
    code_owner_approval_required: bool | None = None


class _Approvals(Shape):
    merge_requests_author_approval: bool | None = None
    merge_requests_disable_committers_approval: bool | None = None
    reset_approvals_on_push: bool | None = None
    disable_overriding_approvers_per_merge_request: bool | None = None


class _Named(Shape):
    name: ShortText


class _ApprovalRule(Shape):
    approvals_required: int
    applies_to_all_protected_branches: bool = False
    protected_branches: list[_Named] = []


class _PushRule(Shape):
    reject_unsigned_commits: bool | None = None


@dataclass(frozen=True, slots=True)
class GitLabSettings:
    """All that was read; a text instead of a value says why it is unknown."""

    branch: str
    project: _Project
    branches: tuple[_Branch, ...] | str
    approvals: _Approvals | str
    rules: tuple[_ApprovalRule, ...] | str
    push_rule: _PushRule | str


def read_gitlab(http: ForgeHttp, path: str, branch: str | None) -> GitLabSettings:
    """The settings of a branch, of the default branch without a name.

    Raises:
        ForgeError: the project cannot be read at all.
    """
    root = f"/projects/{quote(path, safe='')}"
    project = _one(http, _Project, root)
    branch = branch or project.default_branch
    branches = _list(http, _Branch, f"{root}/protected_branches")
    if not isinstance(branches, str):
        branches = tuple(rule for rule in branches if _matches(rule.name, branch))
    rules = _list(http, _ApprovalRule, f"{root}/approval_rules")
    if not isinstance(rules, str):
        rules = tuple(rule for rule in rules if _applies(rule, branch))
    return GitLabSettings(
        branch,
        project,
        branches,
        _or_why(http, _Approvals, f"{root}/approvals"),
        rules,
        _or_why(http, _PushRule, f"{root}/push_rule"),
    )


def _matches(pattern: str, branch: str) -> bool:
    """GitLab knows one wildcard, the star."""
    return fnmatch.fnmatchcase(branch, pattern.replace("[", "[[]").replace("?", "[?]"))


def _applies(rule: _ApprovalRule, branch: str) -> bool:
    """A rule without branches is for all of them."""
    named = rule.protected_branches
    return rule.applies_to_all_protected_branches or not named or any(_matches(item.name, branch) for item in named)


def _one(http: ForgeHttp, shape: type[S], path: str) -> S:
    return read(shape, json_of(http.get(path), http.where(path)), http.where(path))


def _or_why(http: ForgeHttp, shape: type[S], path: str) -> S | str:
    try:
        return _one(http, shape, path)
    except ForgeRefused as error:
        return f"not told ({error.status}): it needs more rights, or another edition of GitLab"


def _list(http: ForgeHttp, shape: type[S], path: str) -> tuple[S, ...] | str:
    try:
        listing = linked_pages(http, path)
    except ForgeRefused as error:
        return f"not told ({error.status}): it needs more rights, or another edition of GitLab"
    if listing.why:
        raise ForgeMisbehaved(f"{http.where(path)}: {listing.why}", expected="a list that holds still")
    return tuple(read(shape, entry, http.where(path)) for entry in listing.entries)


def gitlab_advice(found: GitLabSettings, wanted: Wanted) -> Iterator[Advice]:
    """What to make of the settings of a project. Pure."""
    yield from _about_branches(found)
    yield from _about_approvals(found, wanted)
    yield from _about_pipelines(found.project)
    yield _method(found.project)
    if wanted.signed:
        rule = found.push_rule
        value = None if isinstance(rule, str) else bool(rule.reject_unsigned_commits)
        told = rule if isinstance(rule, str) else _on(value)
        yield advice("signed-commits", value, told, "reject unsigned commits: on", _PUSH_RULES)


def _about_branches(found: GitLabSettings) -> Iterator[Advice]:
    branches = found.branches
    if isinstance(branches, str):
        for setting in ("protected", "force-push", "nobody-bypasses", "code-owners"):
            yield advice(setting, None, branches, "a protected branch", _BRANCHES)
        return
    names = ", ".join(rule.name for rule in branches) or "no rule"
    yield advice("protected", bool(branches), f"{names} for {found.branch}", "a protected branch", _BRANCHES)
    forced = not any(rule.allow_force_push for rule in branches) and bool(branches)
    yield advice("force-push", forced, f"allowed to force push: {_on(not forced)}", "off", _BRANCHES)
    levels = [level for rule in branches for level in rule.push_access_levels if not level.is_nobody]
    who = ", ".join(level.access_level_description or "somebody" for level in levels[:5]) or "no one"
    closed = bool(branches) and not levels and all(rule.push_access_levels for rule in branches)
    told = who if branches and (levels or closed) else "everybody who may push"
    yield advice("nobody-bypasses", closed, f"allowed to push: {told}", "allowed to push: no one", _BRANCHES)
    values = [rule.code_owner_approval_required for rule in branches]
    owners = True if True in values else None if None in values else False
    told = "not told by this edition" if owners is None else _on(owners)
    yield advice("code-owners", owners, told, "code owner approval: on", _BRANCHES)


def _about_approvals(found: GitLabSettings, wanted: Wanted) -> Iterator[Advice]:
    rules, settings = found.rules, found.approvals
    count = 0 if isinstance(rules, str) else max((rule.approvals_required for rule in rules), default=0)
    enough = None if isinstance(rules, str) else count >= wanted.approvals
    told = rules if isinstance(rules, str) else f"{count} required by one rule"
    yield advice("approvals", enough, told, f"{wanted.approvals} or more in one rule", _APPROVALS)
    for setting, key, good, expected in (
        ("stale-approvals", "reset_approvals_on_push", True, "remove all approvals when commits are added: on"),
        ("own-approval", "merge_requests_author_approval", False, "approval by the author: off"),
        ("committers-approval", "merge_requests_disable_committers_approval", True, "approval by committers: off"),
        ("rules-overridden", "disable_overriding_approvers_per_merge_request", True, "editing rules in requests: off"),
    ):
        value = None if isinstance(settings, str) else getattr(settings, key)
        told = settings if isinstance(settings, str) else f"{key}: {'not told' if value is None else value}".lower()
        yield advice(setting, None if value is None else value is good, told, expected, _APPROVALS)


def _about_pipelines(project: _Project) -> Iterator[Advice]:
    must, skipped = project.only_allow_merge_if_pipeline_succeeds, project.allow_merge_on_skipped_pipeline
    yield advice("status-check", must, f"pipelines must succeed: {_told(must)}", "on", _CHECKS)
    holds = None if skipped is None and must is None else not skipped
    yield advice("skipped-check", holds, f"skipped pipelines succeed: {_told(bool(skipped))}", "off", _CHECKS)
    place = project.ci_config_path or ""
    outside = "@" in place or place.startswith("https://")
    yield advice(
        "check-place",
        outside,
        f"the pipeline comes from {place or '.gitlab-ci.yml'}" + ("" if outside else ", which a request can edit"),
        "a file of another project, as FILE@GROUP/PROJECT",
        _PIPELINES,
    )


def _method(project: _Project) -> Advice:
    """A fast-forward takes every commit of a request over, unless they are squashed."""
    method, squash = project.merge_method, project.squash_option
    holds = None if method is None else method != "ff" or squash == "always"
    found = f"merge method {method or 'not told'}, squashing {squash or 'not told'}"
    return advice("rebase-merging", holds, found, "a merge commit, or a fast-forward with squashing required", _METHOD)


def _on(value: bool | None) -> str:
    return "on" if value else "off"


def _told(value: bool | None) -> str:
    return "not told" if value is None else _on(value)
