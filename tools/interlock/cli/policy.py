"""`interlock policy`: the group of what can be asked about policies."""

from __future__ import annotations

from interlock.cli.lazy_group import CommandEntry, LazyGroup

policy = LazyGroup(
    name="policy",
    entries=(
        CommandEntry(
            "show", "interlock.cli.policy_show:show", "Show what decides about promotions into an environment."
        ),
    ),
    short_help="Show which policies decide about an environment.",
    help="""What the policies of a repository ask for, taken together.

    Several documents may decide about one environment: policies, its environment.yaml, waivers and your own rules.
    """,
)
