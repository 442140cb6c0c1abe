"""`interlock emergency`: the group for what is let in without approvals, and for looking at it afterwards."""

from __future__ import annotations

from interlock.cli.lazy_group import CommandEntry, LazyGroup

emergency = LazyGroup(
    name="emergency",
    entries=(
        CommandEntry(
            "declare",
            "interlock.cli.emergency_declare:declare",
            "Let one change in without approvals, and sign for it.",
        ),
        CommandEntry(
            "review", "interlock.cli.emergency_review:review", "Sign that you looked at an emergency afterwards."
        ),
    ),
    short_help="Let a change in without approvals, and review that afterwards.",
    help="""The way around approvals when something burns: explicit, signed, short, and reviewed afterwards.

    Everything else is still checked: bytes, fit, signatures of commits, descent. Every node that applies such a change
    says so, and no promotion goes into the environment until somebody else has reviewed it. A rollback to a revision
    that was active before needs no emergency.
    """,
)
