"""The `interlock` command: its sub-commands, in the order of a newcomer's first day.

To add a command, write a module beside this one and add one `CommandEntry` here; nothing else knows the list.
"""

from __future__ import annotations

import click

from interlock import __version__
from interlock.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = (
    CommandEntry("init", "interlock.cli.init:init", "Lay out a new repository."),
    CommandEntry("register", "interlock.cli.register:register", "Record a base or an adapter from its files."),
    CommandEntry("inspect", "interlock.cli.inspect:inspect", "Show what a revision, directory or environment is."),
    CommandEntry("check", "interlock.cli.check:check", "Judge the repository: is it safe to serve?"),
    CommandEntry("explain", "interlock.cli.explain:explain", "Say what a finding means and how to put it right."),
    CommandEntry("policy", "interlock.cli.policy:policy", "Show which policies decide about an environment."),
    CommandEntry("rules", "interlock.cli.rules:rules", "Try out the rules of your own."),
    CommandEntry("promote", "interlock.cli.promote:promote", "Make an environment serve another revision."),
    CommandEntry("rollback", "interlock.cli.rollback:rollback", "Go back to the revision served before."),
    CommandEntry(
        "codeowners", "interlock.cli.codeowners:codeowners", "Generate CODEOWNERS from the roster and the policies."
    ),
    CommandEntry("forge", "interlock.cli.forge:forge", "Ask GitHub, GitLab or Forgejo what it knows."),
    CommandEntry("approve", "interlock.cli.approve:approve", "Sign your approval of a change, without a forge."),
    CommandEntry("attest", "interlock.cli.attest:attest", "Sign the verdict on a merged commit, for the nodes."),
    CommandEntry(
        "emergency",
        "interlock.cli.emergency:emergency",
        "Let a change in without approvals, and review that afterwards.",
    ),
    CommandEntry("archive", "interlock.cli.archive:archive", "Keep the bytes of a revision, to give up their source."),
    CommandEntry("audit", "interlock.cli.audit:audit", "Say who did what, and what would not have been allowed."),
    CommandEntry("sync", "interlock.cli.sync:sync", "Make this node's engine serve what git says."),
    CommandEntry("gateway", "interlock.cli.gateway:gateway", "Route requests to an engine that takes no middleware."),
    CommandEntry("status", "interlock.cli.status:status", "Show what nodes serve, and whether they follow git."),
    CommandEntry("suspend", "interlock.cli.suspend:suspend", "Let a node stay at the commit that it has."),
    CommandEntry("hold", "interlock.cli.hold:hold", "Let a node follow no promotion of one adapter."),
    CommandEntry("resume", "interlock.cli.resume:resume", "Take a suspension or a hold back."),
    CommandEntry(
        "demo", "interlock.cli.demo:demo", "Play the whole story in a scratch clone: promote, serve, roll back."
    ),
)

_HELP = """GitOps for LoRA adapters: a git repository decides what every serving node serves.

A repository holds bases (models), revisions of adapters, and for every environment one small pointer file an
adapter that names the active revision. A promotion edits one pointer, a rollback reverts that edit, and nothing is
served that `interlock check` refuses.

\b
A first day:
  interlock init my-adapters && cd my-adapters
  interlock register base ~/models/llama-8b --name llama-8b --revision 1 --license llama3.1
  interlock register adapter ~/runs/bot --adapter support-bot --revision 1 --base llama-8b@1
  interlock check
  interlock promote support-bot 1 --to dev

`interlock COMMAND --help` explains one command with examples.
"""

interlock = LazyGroup(
    name="interlock",
    entries=COMMANDS,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, "--version", prog_name="interlock", message="%(prog)s %(version)s")(interlock)
