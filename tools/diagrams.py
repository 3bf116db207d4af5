"""Draw the diagrams of the documentation: `python -m tools.diagrams` writes docs/diagrams/*.svg.

A sequence diagram is a list of messages between columns. The drawings are narrow, so that their
text is readable on a phone, and follow the reader's light or dark colour scheme. They are drawn
here rather than with Mermaid, whose command line tool takes 456 MB and a browser, and whose output
changes with both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "diagrams"

WIDTH: Final = 480
MARGIN: Final = 46
LINE: Final = 17
"""Pixels from one line of text to the next."""

STYLE: Final = """
  svg { --paper: #ffffff; --ink: #1f2933; --line: #8492a6; --box: #e6effa; --accent: #1858a8;
        --old: #8492a6; --new: #1858a8; --both: #2f7d4f; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #16191f; --ink: #e4e9f0; --line: #77859b; --box: #223247; --accent: #7db4f5;
          --old: #8e9cb2; --new: #7db4f5; --both: #6fcf97; }
  }
  text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
  .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round; }
  .number { fill: var(--accent); font-weight: 600; }
  .small { font-size: 12px; }
  .paper { fill: var(--paper); }
  .box { fill: var(--box); stroke: var(--line); }
  .lifeline { stroke: var(--line); stroke-dasharray: 3 4; }
  .arrow { stroke: var(--accent); stroke-width: 1.6; fill: none; }
  .head { fill: var(--accent); }
  .old { fill: var(--old); } .new { fill: var(--new); } .both { fill: var(--both); }
  .mark { stroke: var(--line); stroke-dasharray: 2 3; }
"""


@dataclass(frozen=True)
class Message:
    """An arrow from one column to another, with lines of text above it."""

    sender: int
    receiver: int
    lines: Sequence[str]


@dataclass(frozen=True)
class Interaction:
    """Columns, and what passes between them from top to bottom."""

    title: str
    columns: Sequence[Sequence[str]]
    messages: Sequence[Message]


@dataclass(frozen=True)
class Bar:
    """A period of a timeline, in days, with a class of the style."""

    start: float
    end: float
    style: str
    text: str = ""


@dataclass(frozen=True)
class Timeline:
    """Rows of bars over days, with marks that go through all rows."""

    title: str
    days: float
    marks: Sequence[tuple[float, str]]
    rows: Sequence[tuple[str, Sequence[Bar]]]


CONSTRUCT, CLOUDFORMATION, FUNCTION, GATEWAY, BACKEND = range(5)
COLUMNS: Final = (
    ("cdk",),
    ("Cloud-", "Formation"),
    ("function",),
    ("API", "Gateway"),
    ("backend",),
)

DIAGRAMS: Final[dict[str, Interaction | Timeline]] = {
    "deploy": Interaction(
        "Deploy: from the construct to a backend that trusts the certificate",
        COLUMNS,
        (
            Message(CONSTRUCT, CLOUDFORMATION, ("template and asset",)),
            Message(CLOUDFORMATION, FUNCTION, ("Create",)),
            Message(FUNCTION, GATEWAY, ("list: did an earlier", "delivery make it?")),
            Message(FUNCTION, GATEWAY, ("generate, with tags",)),
            Message(GATEWAY, FUNCTION, ("ID, PEM and dates",)),
            Message(FUNCTION, CLOUDFORMATION, ("attributes",)),
            Message(CLOUDFORMATION, GATEWAY, ("the stage gets the ID",)),
            Message(CLOUDFORMATION, CONSTRUCT, ("outputs: the PEM",)),
            Message(CONSTRUCT, BACKEND, ("you load the PEM into the backend",)),
            Message(GATEWAY, BACKEND, ("calls, with the", "certificate")),
        ),
    ),
    "update": Interaction(
        "Update: description and tags change in place",
        COLUMNS[:4],
        (
            Message(CONSTRUCT, CLOUDFORMATION, ("a changed template",)),
            Message(CLOUDFORMATION, FUNCTION, ("Update, with new and old properties",)),
            Message(FUNCTION, GATEWAY, ("get the certificate",)),
            Message(FUNCTION, GATEWAY, ("write what differs:", "tags, description")),
            Message(FUNCTION, CLOUDFORMATION, ("the same ID, all attributes",)),
        ),
    ),
    "replace": Interaction(
        "Replacement: a new construct ID",
        COLUMNS[:4],
        (
            Message(CONSTRUCT, CLOUDFORMATION, ("a template with another resource",)),
            Message(CLOUDFORMATION, FUNCTION, ("Create of the new one",)),
            Message(FUNCTION, GATEWAY, ("generate",)),
            Message(CLOUDFORMATION, GATEWAY, ("the stage gets the new ID",)),
            Message(CLOUDFORMATION, FUNCTION, ("Delete of the old one",)),
            Message(FUNCTION, GATEWAY, ("delete",)),
        ),
    ),
    "delete": Interaction(
        "Delete: only what the resource made",
        COLUMNS[:4],
        (
            Message(CONSTRUCT, CLOUDFORMATION, ("destroy",)),
            Message(CLOUDFORMATION, FUNCTION, ("Delete, with the physical ID",)),
            Message(FUNCTION, GATEWAY, ("list, and compare", "the three tags")),
            Message(FUNCTION, GATEWAY, ("delete; wait while", "a stage uses it")),
            Message(FUNCTION, CLOUDFORMATION, ("done, or the names of the stages",)),
        ),
    ),
    "rotation": Timeline(
        "Rotation: both certificates are trusted for 14 days before and after the switch",
        42,
        (
            (7, "60 days left: issue 2, publish 1 and 2"),
            (21, "14 days later: ask, then switch"),
            (35, "14 days later: delete 1"),
        ),
        (
            ("certificate 1", (Bar(0, 35, "old"),)),
            ("certificate 2", (Bar(7, 42, "new"),)),
            (
                "trust bundle, in its order",
                (
                    Bar(0, 6.8, "old", "1"),
                    Bar(7, 20.8, "both", "1, 2"),
                    Bar(21, 34.8, "both", "2, 1"),
                    Bar(35, 42, "new", "2"),
                ),
            ),
            ("the stages present", (Bar(0, 20.8, "old", "1"), Bar(21, 42, "new", "2"))),
        ),
    ),
}


def draw(diagram: Interaction | Timeline) -> str:
    """Return a diagram as SVG."""
    body, height = _interaction(diagram) if isinstance(diagram, Interaction) else _timeline(diagram)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">\n'
        f"<title>{escape(diagram.title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>\n'
        + "".join(f"{line}\n" for line in body)
        + "</svg>\n"
    )


def _interaction(diagram: Interaction) -> tuple[list[str], int]:
    step = (WIDTH - 2 * MARGIN) / (len(diagram.columns) - 1)
    centres = [round(MARGIN + step * number) for number in range(len(diagram.columns))]
    rows: list[str] = []
    y = 62
    for number, message in enumerate(diagram.messages, start=1):
        start, end = centres[message.sender], centres[message.receiver]
        y += 13 + LINE * len(message.lines)
        left = min(start, end) + 8
        for line, text in enumerate(message.lines):
            first = f'<tspan class="number">{number}</tspan> ' if line == 0 else ""
            height = y - 7 - LINE * (len(message.lines) - 1 - line)
            rows.append(f'<text class="halo" x="{left}" y="{height}">{first}{escape(text)}</text>')
        rows.append(_arrow(start, end, y))
    bottom = y + 16
    lines = [f'<path class="lifeline" d="M{x} 44V{bottom}"/>' for x in centres]
    boxes: list[str] = []
    for x, names in zip(centres, diagram.columns, strict=True):
        boxes.append(f'<rect class="box" x="{x - 42}" y="6" width="84" height="40" rx="5"/>')
        for line, text in enumerate(names):
            middle = 31 - 8 * (len(names) - 1) + 16 * line
            boxes.append(f'<text x="{x}" y="{middle}" text-anchor="middle">{escape(text)}</text>')
    return [*lines, *boxes, *rows], bottom + 6


def _arrow(start: float, end: float, y: float) -> str:
    direction = 1 if end > start else -1
    tip, base = end - 2 * direction, end - 10 * direction
    return (
        f'<path class="arrow" d="M{start} {y}H{base}"/>'
        f'<path class="head" d="M{tip} {y}L{base} {y - 5}V{y + 5}Z"/>'
    )


def _timeline(diagram: Timeline) -> tuple[list[str], int]:
    left, right = 12, WIDTH - 12
    scale = (right - left) / diagram.days
    body: list[str] = []
    top = 14 + LINE * len(diagram.marks)
    y = top
    for name, bars in diagram.rows:
        y += 24
        body.append(f'<text class="halo" x="{left}" y="{y}">{escape(name)}</text>')
        y += 8
        for bar in bars:
            x, width = left + bar.start * scale, (bar.end - bar.start) * scale
            body.append(
                f'<rect class="{bar.style}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="14" '
                'rx="3"/>'
            )
            if bar.text:
                body.append(
                    f'<text class="small" x="{x + 2:.1f}" y="{y + 28}">{escape(bar.text)}</text>'
                )
        y += 34 if any(bar.text for bar in bars) else 16
    marks: list[str] = []
    for number, (day, text) in enumerate(diagram.marks):
        x = left + day * scale
        height = 18 + LINE * number
        marks.append(f'<path class="mark" d="M{x:.1f} {height + 4}V{y + 4}"/>')
        marks.append(
            f'<text class="small" x="{min(x, right - 6.6 * len(text)):.1f}" y="{height}">'
            f"{escape(text)}</text>"
        )
    return [*marks, *body], y + 14


def main() -> None:
    """Write all diagrams."""
    FOLDER.mkdir(exist_ok=True)
    for name, diagram in DIAGRAMS.items():
        (FOLDER / f"{name}.svg").write_text(draw(diagram))


if __name__ == "__main__":
    main()
