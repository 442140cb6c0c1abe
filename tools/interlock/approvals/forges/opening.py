"""Opens the reader for an address: the one place that knows which forge is read how. Called by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from interlock.approvals.forges.address import ForgeAddress, ForgeKind
from interlock.approvals.forges.forgejo import ForgejoReader, forgejo_api
from interlock.approvals.forges.github import GitHubReader, github_api
from interlock.approvals.forges.gitlab import GitLabReader, gitlab_api
from interlock.approvals.forges.http import Api, Clock, ForgeHttp
from interlock.approvals.forges.proposal import settled
from interlock.approvals.forges.tokens import forge_token
from interlock.approvals.reviews import ProposalFacts, ReviewReader
from interlock.errors import UsageError

_APIS: dict[ForgeKind, Callable[[ForgeAddress, str], Api]] = {
    "github": github_api,
    "gitlab": gitlab_api,
    "forgejo": forgejo_api,
}
_Reader = GitHubReader | GitLabReader | ForgejoReader
_READERS: dict[ForgeKind, Callable[[ForgeHttp, str], _Reader]] = {
    "github": GitHubReader,
    "gitlab": GitLabReader,
    "forgejo": ForgejoReader,
}


@dataclass(frozen=True, slots=True)
class _Settled:
    """A reader of one repository that reads until nothing changes meanwhile."""

    reader: _Reader

    def read(self, number: int) -> ProposalFacts:
        """See `ReviewReader.read`."""
        return settled(self.reader.attempt, number)


def open_http(address: ForgeAddress, environment: Mapping[str, str], *, clock: Clock | None = None) -> ForgeHttp:
    """The API of the forge at an address, with the token of `environment`.

    Raises:
        UsageError: a token is named that cannot be used.
    """
    return ForgeHttp(_APIS[address.kind](address, forge_token(address.kind, environment)), clock=clock)


def open_reader(address: ForgeAddress, environment: Mapping[str, str], *, clock: Clock | None = None) -> ReviewReader:
    """The reader of the repository at an address.

    Raises:
        UsageError: a token is named that cannot be used.
    """
    return _Settled(_READERS[address.kind](open_http(address, environment, clock=clock), address.path))


def read_proposal(
    address: ForgeAddress, environment: Mapping[str, str], *, clock: Clock | None = None
) -> ProposalFacts:
    """What the forge says about the proposal that an address names.

    Raises:
        UsageError: the address names no proposal, or the token cannot be used.
        ForgeError: the forge did not answer, refused, or answered something else than its API documents.
    """
    if address.number is None:
        raise UsageError(
            f"{address} names no proposal",
            expected="the number of a pull or merge request",
            remedy=f"write it behind the address, for example {address}#12",
        )
    return open_reader(address, environment, clock=clock).read(address.number)
