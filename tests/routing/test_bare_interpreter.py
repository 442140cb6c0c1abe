from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"

PROGRAM = f"""
import json, sys
sys.path.insert(0, {str(TOOLS)!r})
import interlock.routing.middleware, interlock.routing.writer
outside = sorted(name for name in sys.modules if name.split(".")[0] not in sys.stdlib_module_names)
print(json.dumps(outside))
"""


def test_the_middleware_imports_nothing_but_the_standard_library_and_its_own_few_modules() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", PROGRAM], capture_output=True, check=True, timeout=60)
    loaded = [name for name in json.loads(done.stdout) if name != "__main__"]
    own = {"interlock", "interlock.errors", "interlock.documents", "interlock.documents.identifiers"}
    assert {name for name in loaded if not name.startswith("interlock.routing")} == own
