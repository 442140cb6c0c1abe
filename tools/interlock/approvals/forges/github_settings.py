"""Reads how GitHub guards a branch: its rulesets, with who may bypass them, and the older branch protection.

Called by `doctor`. Both kinds hold at once and the stricter one counts. Who may bypass a ruleset is told only to those
who may change it, branch protection only to administrators: what is not told is unknown, and not absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from interlock.approvals.forges.advice import Advice, Wanted, advice, all_hold, any_holds
from interlock.approvals.forges.answers import S, Shape, ShortText, json_of, read
from interlock.approvals.forges.http import ForgeHttp
from interlock.approvals.forges.paging import linked_pages
from interlock.errors import ForgeMisbehaved, ForgeRefused

_RULESETS: Final = "Settings → Rules → Rulesets"
_GENERAL: Final = "Settings → General → Pull Requests"


class _Repository(Shape):
    default_branch: ShortText
    allow_rebase_merge: bool | None = None


class _Check(Shape):
    context: ShortText
    integration_id: int | None = None
    app_id: int | None = None

    @property
    def source(self) -> int | None:
        """The app that must report it; GitHub writes any app as null or -1."""
        found = self.integration_id if self.integration_id is not None else self.app_id
        return found if found is not None and found > 0 else None


class _Parameters(Shape):
    required_approving_review_count: int = 0
    dismiss_stale_reviews_on_push: bool = False
    require_last_push_approval: bool = False
    require_code_owner_review: bool = False
    allowed_merge_methods: list[ShortText] | None = None
    required_status_checks: list[_Check] = []
    strict_required_status_checks_policy: bool = False


class _Rule(Shape):
    type: ShortText
    ruleset_id: int
    parameters: _Parameters | None = None


class _Actor(Shape):
    actor_type: ShortText
    actor_id: int | None = None
    bypass_mode: ShortText = ""


class _Ruleset(Shape):
    id: int
    name: ShortText
    bypass_actors: list[_Actor] | None = None


class _Switch(Shape):
    enabled: bool


class _Allowances(Shape):
    users: list[dict[str, object]] = []
    teams: list[dict[str, object]] = []
    apps: list[dict[str, object]] = []


class _Reviews(Shape):
    dismiss_stale_reviews: bool = False
    require_code_owner_reviews: bool = False
    required_approving_review_count: int = 0
    require_last_push_approval: bool = False
    bypass_pull_request_allowances: _Allowances | None = None


class _Checks(Shape):
    strict: bool = False
    checks: list[_Check] = []


class _Protection(Shape):
    required_pull_request_reviews: _Reviews | None = None
    required_status_checks: _Checks | None = None
    enforce_admins: _Switch | None = None
    allow_force_pushes: _Switch | None = None
    allow_deletions: _Switch | None = None
    required_signatures: _Switch | None = None


@dataclass(frozen=True, slots=True)
class GitHubSettings:
    """All that was read. `protection` is None without branch protection, and `unread` says why it is unknown."""

    branch: str
    repository: _Repository
    rules: tuple[_Rule, ...]
    rulesets: tuple[_Ruleset | str, ...]
    protection: _Protection | None
    unread: str = ""


def read_github(http: ForgeHttp, path: str, branch: str | None) -> GitHubSettings:
    """The settings of a branch, of the default branch without a name.

    Raises:
        ForgeError: the repository or its rules cannot be read at all.
    """
    root = f"/repos/{path}"
    repository = _one(http, _Repository, root)
    branch = branch or repository.default_branch
    at = quote(branch, safe="")
    listing = linked_pages(http, f"{root}/rules/branches/{at}")
    if listing.why:
        raise ForgeMisbehaved(f"{http.where(root)}: {listing.why}", expected="the rules of one branch")
    rules = tuple(read(_Rule, entry, http.where(f"{root}/rules/branches/{at}")) for entry in listing.entries)
    rulesets = tuple(_ruleset(http, root, number) for number in sorted({rule.ruleset_id for rule in rules}))
    try:
        protection, unread = _one(http, _Protection, f"{root}/branches/{at}/protection"), ""
    except ForgeRefused as error:
        protection, unread = None, "" if "Branch not protected" in error.found else _refused(error)
    return GitHubSettings(branch, repository, rules, rulesets, protection, unread)


def _ruleset(http: ForgeHttp, root: str, number: int) -> _Ruleset | str:
    """A ruleset, or why it cannot be read."""
    try:
        return _one(http, _Ruleset, f"{root}/rulesets/{number}")
    except ForgeRefused as error:
        return f"ruleset {number}: {_refused(error)}"


def _refused(error: ForgeRefused) -> str:
    return f"the token may not read it ({error.status})"


def _one(http: ForgeHttp, shape: type[S], path: str) -> S:
    return read(shape, json_of(http.get(path), http.where(path)), http.where(path))


def github_advice(found: GitHubSettings, wanted: Wanted) -> Iterator[Advice]:
    """What to make of the settings of a branch. Pure."""
    return _Judgement(found, wanted).all()


class _Judgement:
    """The settings from the side of what is asked of them."""

    def __init__(self, found: GitHubSettings, wanted: Wanted) -> None:
        self._found = found
        self._wanted = wanted
        self._unknown = bool(found.unread)
        self._types = {rule.type for rule in found.rules}
        self._parameters = [rule.parameters for rule in found.rules if rule.parameters]
        protection = found.protection
        self._reviews = (protection.required_pull_request_reviews if protection else None) or _Reviews()
        self._checks = (protection.required_status_checks if protection else None) or _Checks()

    def all(self) -> Iterator[Advice]:
        """Every piece of advice, in the order of docs/forges.md."""
        yield from self._about_reviews()
        yield from self._about_checks()
        yield self._bypasses()
        yield from self._about_pushes()
        yield self._rebase()
        if self._wanted.signed:
            signed = ["required_signatures" in self._types, self._signatures()]
            yield self._switch("signed-commits", signed, "signed commits required")

    def _about_reviews(self) -> Iterator[Advice]:
        count = max(
            [self._reviews.required_approving_review_count]
            + [parameters.required_approving_review_count for parameters in self._parameters]
        )
        enough = count >= self._wanted.approvals or (None if self._unknown else False)
        yield self._told("approvals", enough, f"{count} required", f"{self._wanted.approvals} or more")
        stale = [p.dismiss_stale_reviews_on_push for p in self._parameters] + [self._reviews.dismiss_stale_reviews]
        yield self._switch("stale-approvals", stale, "dismissing approvals when commits are pushed")
        last = [p.require_last_push_approval for p in self._parameters] + [self._reviews.require_last_push_approval]
        yield self._switch("last-push", last, "approval of the most recent push")
        owners = [p.require_code_owner_review for p in self._parameters] + [self._reviews.require_code_owner_reviews]
        yield self._switch("code-owners", owners, "review from code owners")

    def _about_checks(self) -> Iterator[Advice]:
        every = [check for p in self._parameters for check in p.required_status_checks] + self._checks.checks
        named = [check for check in every if check.context == self._wanted.check]
        contexts = ", ".join(sorted({check.context for check in every})[:8]) or "no check"
        required = True if named else None if self._unknown else False
        yield self._told("status-check", required, f"{contexts} required", f"{self._wanted.check} required")
        pinned = True if any(check.source for check in named) else None if self._unknown else False
        sources = ", ".join(sorted({f"app {check.source}" for check in named if check.source})) or "any source"
        yield self._told("check-source", pinned, f"{self._wanted.check} from {sources}", "from one app, GitHub Actions")
        strict = [p.strict_required_status_checks_policy for p in self._parameters]
        strict += ["merge_queue" in self._types, self._checks.strict]
        yield self._switch("up-to-date", strict, "branches up to date before merging, or a merge queue")

    def _bypasses(self) -> Advice:
        holds, told = [], []
        for ruleset in self._found.rulesets:
            actors = None if isinstance(ruleset, str) else ruleset.bypass_actors
            holds.append(None if actors is None else not actors)
            if actors is None:
                told.append(ruleset if isinstance(ruleset, str) else f"who may bypass {ruleset.name} is not told")
            told += [f"{a.actor_type} {a.actor_id or ''} may bypass a ruleset".replace("  ", " ") for a in actors or ()]
        if self._found.protection:
            admins = self._found.protection.enforce_admins
            allowed = self._reviews.bypass_pull_request_allowances or _Allowances()
            holds += [admins is not None and admins.enabled, not (allowed.users or allowed.teams or allowed.apps)]
            told += [] if holds[-2] else ["administrators may bypass the branch protection"]
            told += [] if holds[-1] else ["some may bypass the review of the branch protection"]
        holds += [None] if self._unknown else []
        nothing = not self._found.rules and self._found.protection is None and not self._unknown
        found = "nothing is required, so everybody bypasses" if nothing else "; ".join(told[:5]) or "nobody"
        found += f"; branch protection: {self._found.unread}" if self._unknown else ""
        value = False if nothing else all_hold(holds)
        return advice("nobody-bypasses", value, found, "nobody, bots included", _RULESETS)

    def _about_pushes(self) -> Iterator[Advice]:
        protection = self._found.protection
        forced = protection is not None and not _is_on(protection.allow_force_pushes)
        deleted = protection is not None and not _is_on(protection.allow_deletions)
        yield self._switch("force-push", ["non_fast_forward" in self._types, forced], "blocking force pushes")
        yield self._switch("deletion", ["deletion" in self._types, deleted], "restricting deletions")

    def _signatures(self) -> bool:
        return self._found.protection is not None and _is_on(self._found.protection.required_signatures)

    def _rebase(self) -> Advice:
        methods = [set(p.allowed_merge_methods) for p in self._parameters if p.allowed_merge_methods is not None]
        allowed = self._found.repository.allow_rebase_merge
        by_rule = any("rebase" not in named for named in methods)
        holds = True if by_rule else None if allowed is None else not allowed
        found = "off" if holds else "not told" if holds is None else "on"
        return advice("rebase-merging", holds, found, "off: squash, or a merge commit", _GENERAL)

    def _switch(self, setting: str, values: list[bool], words: str) -> Advice:
        holds = any_holds([*values, None] if self._unknown else values)
        return self._told(setting, holds, f"{words}: {'on' if holds else 'off'}", f"{words}: on")

    def _told(self, setting: str, holds: bool | None, found: str, expected: str) -> Advice:
        unknown = f"; branch protection: {self._found.unread}" if holds is None else ""
        return advice(setting, holds, found + unknown, expected, _RULESETS)


def _is_on(switch: _Switch | None) -> bool:
    return switch is not None and switch.enabled
