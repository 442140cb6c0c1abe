"""The tutorial is true: its commands run, in order, in one shell, as a reader would type them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from interlock.demo.engine_process import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
PORT = "8391"


def commands() -> str:
    """All shell blocks of the page, the engine on a free port."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    return "\n".join(blocks).replace(PORT, str(free_port()))


def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    script = tmp_path / "tutorial.sh"
    script.write_text("set -euxo pipefail\n" + commands(), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "INTERLOCK_"))}
    environment |= {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    log = tmp_path / "tutorial.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", str(script)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(180)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    text = log.read_text(encoding="utf-8", errors="replace")
    assert status == 0, text[-4000:]
    assert "refused, as it should be" in text
    assert "x-interlock-revision: support-bot@2-" in text
