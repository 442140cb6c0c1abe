"""`interlock forge`: the group of what can be asked of GitHub, GitLab, Forgejo and Gitea."""

from __future__ import annotations

from interlock.cli.lazy_group import CommandEntry, LazyGroup

forge = LazyGroup(
    name="forge",
    entries=(
        CommandEntry("reviews", "interlock.cli.forge_reviews:reviews", "Show what a forge says about one proposal."),
        CommandEntry(
            "doctor", "interlock.cli.forge_doctor:doctor", "Say what is missing where a forge should guard the branch."
        ),
    ),
    short_help="Ask GitHub, GitLab or Forgejo what it knows.",
    help="""What a forge says about proposals, and whether it guards the branch.

    The token comes from the environment: GITHUB_TOKEN or GH_TOKEN, GITLAB_TOKEN, FORGEJO_TOKEN or GITEA_TOKEN; a file
    that INTERLOCK_FORGE_TOKEN_FILE names beats them. Nothing is ever written to a forge.
    """,
)
