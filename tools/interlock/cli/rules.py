"""`interlock rules`: the group of what can be done with an organisation's own rules."""

from __future__ import annotations

from interlock.cli.lazy_group import CommandEntry, LazyGroup

rules = LazyGroup(
    name="rules",
    entries=(CommandEntry("test", "interlock.cli.rules_test:test", "Run the examples that your own rules carry."),),
    short_help="Try out the rules of your own.",
    help="""The rules of your own organisation, in policies/rules/.

    Each is a YAML file with CEL expressions over the documents; docs/custom-rules.md says how to write one.
    """,
)
