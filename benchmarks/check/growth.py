"""What the check of one promotion costs as the repository grows, and the plot of it in docs/benchmarks.md.

`python -m benchmarks.check.growth [--plot docs/check-growth.svg]`. Nothing is remembered between the runs; each figure
is the median of five runs of the whole command, beside the full check of the same repository in one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.check.generate import Size, generate
from benchmarks.check.measure import CHECK, clean

ADAPTERS = (10, 30, 100, 300, 1000)
RUNS = 5
NOTHING_REMEMBERED = {"INTERLOCK_CACHE_DIR": ""}


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds for one size: the check of one promotion, and of everything."""

    revisions: int
    promotion: float
    everything: float


def measure(root: Path, sizes: Sequence[int] = ADAPTERS) -> list[dict[str, float]]:
    """One point for each size."""
    return [asdict(_point(root / str(adapters), Size(adapters))) for adapters in sizes]


def _point(repository: Path, size: Size) -> Point:
    generate(repository, size)
    promotion = [*CHECK, "--base", "HEAD~1"]
    clean(promotion, repository, NOTHING_REMEMBERED)  # writes the bytecode of a fresh clone
    runs = [clean(promotion, repository, NOTHING_REMEMBERED).seconds for _ in range(RUNS)]
    whole = clean(CHECK, repository, NOTHING_REMEMBERED).seconds
    return Point(size.adapters * size.revisions, round(statistics.median(runs), 3), round(whole, 3))


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 700, 300, 60, 160, 40, 20


def plot(points: Sequence[Point]) -> str:
    """A picture of both lines: seconds over the number of revisions, whose axis is logarithmic."""
    highest = max(point.everything for point in points)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(points) - 1)

    def at(index: int, seconds: float) -> str:
        return f"{_LEFT + index * step:.0f},{_HEIGHT - _BOTTOM - seconds / highest * (_HEIGHT - _BOTTOM - _TOP):.0f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12" role="img"><title>Seconds that a check takes, by revisions in the repository</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<path d="M{at(0, highest)} L{at(0, 0)} L{at(len(points) - 1, 0)}" fill="none" stroke="#888"/>',
        f'<text x="8" y="{_TOP + 4}">{highest:.1f} s</text><text x="8" y="{_HEIGHT - _BOTTOM + 4}">0 s</text>',
    ]
    for index, point in enumerate(points):
        x = at(index, 0).partition(",")[0]
        parts.append(f'<text x="{x}" y="{_HEIGHT - 20}" text-anchor="middle">{point.revisions}</text>')
    for name, colour in (("everything", "#b45309"), ("promotion", "#1d4ed8")):
        values = [getattr(point, name) for point in points]
        line = " ".join(at(index, seconds) for index, seconds in enumerate(values))
        x, y = at(len(points) - 1, values[-1]).split(",")
        label = "one promotion" if name == "promotion" else name
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{int(x) + 8}" y="{int(y) + 4}" fill="{colour}">{label} {values[-1]:.2f} s</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">revisions in the repository</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Measure every size, print the figures, and draw them where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.growth", description=__doc__)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as root:
        found = measure(Path(root))
    print(json.dumps(found, indent=2))
    if given.plot:
        given.plot.write_text(plot([Point(**point) for point in found]), encoding="utf-8")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
