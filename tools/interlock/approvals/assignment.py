"""Which person fills which role, so that as many roles as possible are filled and nobody fills two. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def assign(holders: Mapping[str, frozenset[str]], wanted: Mapping[str, int]) -> dict[str, str]:
    """Give people (by login, with the roles that they hold) to roles that are wanted so many times.

    The largest possible number of places is filled: whoever can fill only one role gets it before somebody who can fill
    several (maximum bipartite matching by augmenting paths, H. W. Kuhn 1955).
    """
    placed: dict[str, list[str]] = {role: [] for role in wanted}
    for login in sorted(holders):
        _place(login, holders, wanted, placed, set())
    return {login: role for role, logins in placed.items() for login in logins}


def _place(
    login: str,
    holders: Mapping[str, frozenset[str]],
    wanted: Mapping[str, int],
    placed: dict[str, list[str]],
    tried: set[str],
) -> bool:
    """Find a place for one person, moving others to another of their roles where that makes room."""
    for role in sorted(holders[login] & wanted.keys() - tried):
        tried.add(role)
        if len(placed[role]) < wanted[role]:
            placed[role].append(login)
            return True
        for other in placed[role]:
            if _place(other, holders, wanted, placed, tried):
                placed[role].remove(other)
                placed[role].append(login)
                return True
    return False
