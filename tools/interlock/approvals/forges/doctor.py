"""What is missing where a forge should guard a branch. Called by `interlock forge doctor`; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.approvals.forges.address import ForgeAddress
from interlock.approvals.forges.advice import Advice, Wanted
from interlock.approvals.forges.forgejo_settings import forgejo_advice, read_forgejo
from interlock.approvals.forges.github_settings import github_advice, read_github
from interlock.approvals.forges.gitlab_settings import gitlab_advice, read_gitlab
from interlock.approvals.forges.http import Clock
from interlock.approvals.forges.opening import open_http


def examined(
    address: ForgeAddress,
    branch: str | None,
    wanted: Wanted,
    environment: Mapping[str, str],
    *,
    clock: Clock | None = None,
) -> tuple[str, tuple[Advice, ...]]:
    """The branch that was looked at (the default branch without a name), and what to make of its settings.

    Raises:
        UsageError: a token is named that cannot be used.
        ForgeError: the repository cannot be read at all; a part that cannot is advice of its own.
    """
    http = open_http(address, environment, clock=clock)
    if address.kind == "github":
        github = read_github(http, address.path, branch)
        return github.branch, tuple(github_advice(github, wanted))
    if address.kind == "gitlab":
        gitlab = read_gitlab(http, address.path, branch)
        return gitlab.branch, tuple(gitlab_advice(gitlab, wanted))
    forgejo = read_forgejo(http, address.path, branch)
    return forgejo.branch, tuple(forgejo_advice(forgejo, wanted))
