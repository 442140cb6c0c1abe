"""From a node's settings to where its receipts are written and copied to. Called by `Agent` when it starts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from interlock.approvals.unattended_key import load_unattended_key
from interlock.history.remote import Remote
from interlock.receipts.journal import Journal
from interlock.receipts.push.loop import Place, Pusher
from interlock.receipts.push.to_directory import ToDirectory
from interlock.receipts.push.to_git import ToGit
from interlock.receipts.push.to_url import ToUrl
from interlock.sync.moments import Moments
from interlock.sync.receipts import Look, Receipts
from interlock.sync.settings import NodeSettings, PushPlace

FOLDER = "receipts"
PUSHED = "receipts-pushed"


def receipts_of(
    settings: NodeSettings,
    look: Look,
    clock: Callable[[], float],
    wall: Callable[[], float],
    moments: Moments,
    *,
    lists: bool,
) -> Receipts:
    """The receipts of a node's agent, with everything that its settings say; see `Receipts`.

    Raises:
        UsageError: the key or a place that the settings name cannot be used.
    """
    confirm = settings.node.receipts.confirm
    return Receipts(
        journal_of(settings, clock, wall),
        look,
        moments,
        lists=lists,
        pushers=pushers_of(settings),
        confirm=confirm.total_seconds() if confirm else math.inf,
    )


def journal_of(settings: NodeSettings, clock: Callable[[], float], wall: Callable[[], float]) -> Journal:
    """The receipts of a node, in its state directory.

    Raises:
        UsageError: the key that the settings name cannot be used.
    """
    key = load_unattended_key(settings.receipts_key) if settings.receipts_key else None
    node = settings.node
    return Journal(settings.state / FOLDER, node.name, node.environment, key, clock, wall)


def pushers_of(settings: NodeSettings) -> list[Pusher]:
    """One for each place that the settings name.

    Raises:
        UsageError: an address is none that git is given.
    """
    marks = settings.state / PUSHED
    return [Pusher(_place(settings, place), settings.state / FOLDER, marks) for place in settings.receipts_to]


def _place(settings: NodeSettings, place: PushPlace) -> Place:
    if place.directory:
        return ToDirectory(place.directory)
    if place.url:
        return ToUrl(place.url, place.token)
    # The token of the remote goes to the remote only: another address gets what is named beside it, or nothing.
    token = place.token or (settings.remote_token if place.git == settings.node.remote.url else "")
    remote = Remote(place.git, settings.node.remote.branch, token)
    return ToGit(settings.state / PUSHED / f"{hashlib.sha256(place.git.encode()).hexdigest()[:16]}.git", remote)
