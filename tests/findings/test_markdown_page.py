"""How a page is written: its blocks, and what gives way when it would be too long."""

from __future__ import annotations

from interlock.findings.markdown_page import (
    Bullet,
    Bullets,
    Code,
    Commands,
    Page,
    Paragraph,
    Section,
    Several,
    Strong,
    Table,
    render_page,
)
from support.forge import HOSTILE, shown


def left_out(count: int) -> str:
    return f"{count} left out"


def test_every_block_is_written() -> None:
    blocks = (
        Paragraph(("Serves ", Code("a@1"), Code("b@2"), " ", Strong("now"))),
        Bullets((Bullet("one", ("below",)), Bullet("two", open_box=True))),
        Table(("Name", "Fit"), ((Code("a|b"), "yes"),)),
        Commands(("interlock check",)),
    )
    sections = (Section("Open", blocks), Section("Shut", blocks[:1], folded=True))
    assert render_page(Page(("Title ", Code("x")), (), sections)) == EVERY_BLOCK


EVERY_BLOCK = """<!-- interlock-check -->
## Title `x`

### Open

Serves `a@1` `b@2` **now**

- one
  - below
- [ ] two

| Name | Fit |
|---|---|
| `a\\x7cb` | yes |

```sh
interlock check
```

<details>
<summary>Shut</summary>

Serves `a@1` `b@2` **now**

</details>
"""


def test_hostile_text_in_any_block_is_harmless() -> None:
    for text in HOSTILE:
        parts = (text, Code(text), Strong(text))
        for line in (*parts, parts, tuple(reversed(parts))):
            blocks = (
                Paragraph(line),
                Bullets((Bullet(line, (line, line), open_box=True),)),
                Table(("a", "b"), ((line, line),)),
                Commands((text, text)),
                Several((Bullet(line, (line,)),), left_out),
            )
            shown(render_page(Page(line, blocks, (Section("Open", blocks), Section("Shut", blocks, folded=True)))))


def test_a_list_gives_way_from_its_end() -> None:
    several = Several(tuple(Bullet(f"entry number {n}") for n in range(100)), left_out)
    text = render_page(Page("T", (), (Section("List", (several,)), Section("After", (Paragraph("kept"),)))), limit=1500)
    assert len(text) <= 1500
    assert "entry number 0\n" in text
    assert "kept" in text
    assert f"{100 - text.count('entry number')} left out" in text


def test_the_first_list_gives_way_last() -> None:
    first, second = (Several(tuple(Bullet(f"{name} {n}") for n in range(60)), left_out) for name in ("first", "second"))
    text = render_page(Page("T", (), (Section("A", (first,)), Section("B", (second,)))), limit=1400)
    assert "first 59" in text
    assert 0 < text.count("second") < 60


def test_sections_that_do_not_fit_are_named() -> None:
    sections = tuple(Section(f"Part {n}", (Paragraph("word " * 60),)) for n in range(5))
    text = render_page(Page("T", (), sections), limit=1500)
    assert len(text) <= 1500
    assert "Left out here, because the page would be too long: Part 3, Part 4" in text
