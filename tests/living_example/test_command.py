"""The training command refuses before it imports torch or writes anything."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def _train(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "living_example", *arguments],
        cwd=REPOSITORY / "tools",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_directory_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    refused = _train("--out", str(tmp_path))
    assert refused.returncode == 2
    assert refused.stderr == f"{tmp_path}: already holds something; name a new or empty directory\n"


def test_a_bad_recipe_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    recipe = tmp_path / "repository/adapters/support-bot/recipes/1.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("kind: Recipe\n")
    refused = _train("--out", str(tmp_path / "out"), "--repository", str(tmp_path / "repository"))
    assert refused.returncode == 2
    assert refused.stderr == "adapters/support-bot/recipes/1.yaml: adapter: Field required (found {'kind': 'Recipe'})\n"
    assert not (tmp_path / "out").exists()
