"""The console script `interlock`: runs a command and turns whatever happens into an exit status and a clear text.

Imports nothing outside the standard library at the top, so that a core install without extras can still say what to
install. This is the one place of the command line that catches everything.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from interlock.cli import exit_codes
from interlock.cli.missing_packages import installation_advice
from interlock.errors import InterlockError
from interlock.findings.readable import readable

if TYPE_CHECKING:
    from click import ClickException

TRACEBACK_VARIABLE = "INTERLOCK_TRACEBACK"
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Starting up makes many objects and no garbage; Python's own 700 would look through them a hundred times."""
REPORT = "report the text, with the command, in the issue tracker of Interlock (see CONTRIBUTING.md)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: that of the process) and return its exit status (see exit_codes.py)."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        return _guarded(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`interlock check | head`): nothing left to tell anyone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.BROKEN_PIPE
    except ModuleNotFoundError as error:
        return _missing_package(error)
    except OSError as error:
        return _machine_refused(error)
    except Exception as error:
        return _our_bug(error)


def _guarded(arguments: list[str]) -> int:
    """Run the command; errors that Interlock or click raise on purpose become text and an exit status."""
    from click import Abort, ClickException

    from interlock.cli.application import interlock
    from interlock.cli.terminal import error_text

    try:
        status = interlock.main(args=arguments, prog_name="interlock", standalone_mode=False)
        sys.stdout.flush()
    except Abort:
        print("interrupted", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except ClickException as error:
        return _wrong_use(error)
    except InterlockError as error:
        _print_traceback_if_wanted()
        print(error_text(error), file=sys.stderr)
        return exit_codes.of_error(error)
    return status if isinstance(status, int) else exit_codes.CLEAN


def _wrong_use(error: ClickException) -> int:
    error.show(sys.stderr)
    return exit_codes.WRONG_USE


def _missing_package(error: ModuleNotFoundError) -> int:
    advice = installation_advice(error)
    if advice is None:
        return _our_bug(error)
    _print_traceback_if_wanted()
    print(advice, file=sys.stderr)
    return exit_codes.WRONG_USE


def _machine_refused(error: OSError) -> int:
    _print_traceback_if_wanted()
    where = f"{error.filename}: " if error.filename else ""
    print(readable(f"error: {where}{error.strerror or error}"), file=sys.stderr)
    print(
        "  Next: make the file readable (or the place writable) for this user, then run the same command",
        file=sys.stderr,
    )
    return exit_codes.COULD_NOT_EVALUATE


def _our_bug(error: Exception) -> int:
    _print_traceback_if_wanted()
    print(
        f"error: Interlock failed in a way it should not: {type(error).__name__}: {readable(str(error))}\n"
        f"  Next: run it again with {TRACEBACK_VARIABLE}=1 and {REPORT}",
        file=sys.stderr,
    )
    return exit_codes.OUR_BUG


def _print_traceback_if_wanted() -> None:
    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
