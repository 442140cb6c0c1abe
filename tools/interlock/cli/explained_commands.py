"""What single commands find that is no rule of the checker: title, and what to do. `interlock explain` shows it."""

from __future__ import annotations

BY_A_COMMAND: dict[str, tuple[str, str]] = {
    "already-active": (
        "The environment serves this revision already",
        "`interlock promote` says this, and not the checker: a promotion that changes nothing is a mistake in "
        "what was typed. `interlock inspect ENVIRONMENT` shows what is active, and what a rollback would lead to.",
    ),
    "change-not-judged": (
        "Git cannot show what was to be judged",
        "`interlock check --base` and `--staged` say this when the two sides do not merge without a person, when "
        "a commit is not here, or when the clone is shallow. Nothing is known then, so nothing passes: exit "
        "status 4. The finding says which it was; usually `git rebase` or `git fetch --unshallow` helps.",
    ),
    "commit-unproven": (
        "Nobody proved who made a commit that decides about something protected",
        "`interlock audit` says this: the commit is not signed with a key that the roster before it knew, and no "
        "machine of a forge that is in the roster made it. Find out who made it; from now on sign commits (git "
        "config commit.gpgsign true), which nodes of protected environments demand anyway.",
    ),
    "key-taken-back": (
        "A commit is signed with a key that was revoked or has ended, and may be younger than that",
        "`interlock audit` says this: whoever has an old key can date a commit back, so a commit counts only "
        "where a later one, signed by somebody else, shows that it is older. Ask the key's holder whether the "
        "commit is theirs; if it is not, revert it and read docs/threat-model.md.",
    ),
    "roster-changed-by-other": (
        "The roster was changed by somebody whom it did not give that right",
        "`interlock audit` says this: who may sign is decided by people whom the roster before the change names "
        "for it. Look at what the commit changed (git show COMMIT -- policies/), and revert it if nobody wanted "
        "it.",
    ),
    "emergency-unreviewed": (
        "A commit went in as an emergency and nobody has looked at it since",
        "`interlock audit` says this, as an error once the time that the policy gives is over. Somebody else than "
        "whoever declared it reviews it: interlock emergency review COMMIT. Until then nodes take no promotion "
        "into the environment.",
    ),
    "emergency-not-counted": (
        "Somebody declared an emergency that does not count",
        "`interlock audit` says this: the declaration is about another commit or tree, is over, or comes from "
        "somebody whose role may not act in one. Nothing was let in by it; ask who declared it why.",
    ),
    "object-lost": (
        "Git lacks an object of the history, or has it damaged",
        "`interlock audit` says this and calls everything that depends on it not evaluated. Fetch the history "
        "again (git fetch --refetch), or restore the repository from a copy, and compare with: git fsck --full.",
    ),
}
"""By the id that the command prints."""
