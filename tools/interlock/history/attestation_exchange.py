"""Brings the ref of signed statements from a remote and to it; refuses a remote on which something was taken away.

Called by approve, attest and emergency (as the person who runs them) and by the agent (unattended). What a remote had
when it was last seen is kept under a ref of its own: it must still have all of that.
"""

from __future__ import annotations

import hashlib
import re

from interlock.errors import HistoryError, HistoryRewritten, RemoteUnreachable
from interlock.history.attestation_ref import REF, move, tip, union
from interlock.history.bounded_process import Finished
from interlock.history.git_command import Git

_REJECTED = re.compile(r"^ ! \[(?:remote )?rejected\]", re.MULTILINE)
_TRIES = 20


def fetch(git: Git, remote: str, *, personally: bool = False) -> str | None:
    """Unite what a remote has with what is here; returns the ref's commit afterwards, None where there is none.

    `remote` is the name of a configured remote, or an address. `personally` uses the person's own credentials.

    Raises:
        RemoteUnreachable: no usable answer.
        HistoryRewritten: the remote lost or changed statements, or its ref was removed.
        HistoryError: git refuses what was sent.
    """
    listed = _speak(git, personally, "ls-remote", "--quiet", "--end-of-options", remote, REF)
    if listed.status:
        raise _unreachable(remote, listed)
    there = listed.output.decode("ascii", errors="replace").partition("\t")[0].strip()
    return _united(git, remote, there or None, personally)


def fetch_listed(git: Git, remote: str, there: str | None) -> str | None:
    """The same where the remote was just asked: its ref is at the commit `there`, None where it has none.

    Nothing is transferred where that is what it had when it was last seen.

    Raises:
        RemoteUnreachable, HistoryRewritten, HistoryError: see `fetch`.
    """
    return _united(git, remote, there, personally=False)


def _united(git: Git, remote: str, there: str | None, personally: bool) -> str | None:
    theirs = _fetched(git, remote, there, personally)
    if theirs is None:
        return tip(git)
    for _ in range(_TRIES):
        ours = tip(git)
        new = union(git, ours, theirs)
        if new == ours or move(git, ours, new):
            return new
    raise HistoryError(f"{REF} is being written by others all the time", remedy="run the same command again")


def push(git: Git, remote: str) -> str:
    """Bring the statements here to a remote as the person who runs us, united with what others added meanwhile.

    Returns the commit that the remote has then.

    Raises:
        RemoteUnreachable, HistoryRewritten, HistoryError: see `fetch`; also where nothing is here to push.
    """
    for _ in range(_TRIES):
        new = fetch(git, remote, personally=True)
        if new is None:
            raise HistoryError(f"there is no {REF} to push", remedy="run: interlock approve")
        finished = _speak(git, True, "push", "--quiet", "--no-verify", "--end-of-options", remote, f"{new}:{REF}")
        if not finished.status:
            _saw(git, remote, new)
            return new
        if not _REJECTED.search(finished.errors):
            raise _unreachable(remote, finished)
    raise HistoryError(f"{remote} does not take {REF}: {finished.errors}", remedy="look at what the remote says")


def _fetched(git: Git, remote: str, there: str | None, personally: bool) -> str | None:
    """The commit that a remote has, fetched and found to hold all that it had before; None where it never had any."""
    seen = tip(git, _seen_ref(remote))
    if there is None:
        if seen:
            raise _rewritten(remote, "the ref was removed there", seen)
        return None
    if there == seen:
        return seen
    incoming = f"{_seen_ref(remote)}-incoming"
    words = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet")
    finished = _speak(git, personally, "fetch", *words, "--end-of-options", remote, f"+{REF}:{incoming}")
    theirs = tip(git, incoming)
    if finished.status or theirs is None:
        raise _unreachable(remote, finished)
    _refuse_what_takes_away(git, remote, seen, theirs)
    _saw(git, remote, theirs)
    return theirs


def _refuse_what_takes_away(git: Git, remote: str, seen: str | None, new: str) -> None:
    if seen == new:
        return
    if seen and git.attempt("merge-base", "--is-ancestor", seen, new).status:
        raise _rewritten(remote, f"it no longer contains {seen[:12]}, which was there when it was last fetched", seen)
    since = [f"^{seen}"] if seen else []
    # With -m each commit is compared with each of its parents: a merge must hold what either side had.
    changed = git.run("log", "-m", "--no-renames", "--diff-filter=a", "--format=%H", "--name-only", new, *since, "--")
    if changed.strip():
        lines = changed.decode("utf-8", errors="replace").split("\n")
        path = next((line for line in lines if "/" in line), lines[0])
        raise _rewritten(remote, f"the commit {lines[0][:12]} there removes or changes {path[:60]}", seen)


def _saw(git: Git, remote: str, commit: str) -> None:
    """Remember what a remote had; whoever remembers at the same time remembers as much or more."""
    move(git, tip(git, _seen_ref(remote)), commit, _seen_ref(remote))


def _seen_ref(remote: str) -> str:
    return f"refs/interlock/attestations-of/{hashlib.sha256(remote.encode()).hexdigest()[:16]}"


def _speak(git: Git, personally: bool, *words: str) -> Finished:
    """Talk to a remote, which may take as long as a network takes."""
    if personally:
        return git.attempt_personally(*words, timeout=git.network_timeout)
    return git.attempt(*words, timeout=git.network_timeout, limit=1 << 20)


def _rewritten(remote: str, what: str, seen: str | None) -> HistoryRewritten:
    restore = f"git push --force {remote} {seen[:12]}:{REF}   (from here, " if seen else "(from a clone that has it, "
    return HistoryRewritten(
        f"the statements on {remote} were rewritten: {what}",
        expected=f"{REF} that only grows",
        remedy=f"restore it: {restore}after you know who did it)",
    )


def _unreachable(remote: str, finished: Finished) -> RemoteUnreachable:
    return RemoteUnreachable(
        f"{remote} did not take part in exchanging statements: {finished.errors or 'no reason given'}",
        remedy="check the address, the network and your credentials, then run the same command again",
    )
