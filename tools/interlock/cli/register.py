"""`interlock register`: the group of the two things that can be recorded."""

from __future__ import annotations

from interlock.cli.lazy_group import CommandEntry, LazyGroup

register = LazyGroup(
    name="register",
    entries=(
        CommandEntry("base", "interlock.cli.register_base:base", "Record a base model from its directory."),
        CommandEntry("adapter", "interlock.cli.register_adapter:adapter", "Record an adapter from its directory."),
    ),
    short_help="Record a base or an adapter from its files.",
    help="""Record a base model or an adapter: a directory of files becomes a manifest in the repository.

    Everything that the bytes tell is filled in from the bytes: names, sizes and digests of files, settings, shapes.
    A recorded revision never changes; other bytes are another revision.
    """,
)
