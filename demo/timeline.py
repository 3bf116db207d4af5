"""Records what a rotation does over the years, and draws it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from .caller import Calls


@dataclass(frozen=True)
class Generation:
    """A client certificate of the rotation, which is valid from one moment to another."""

    number: int
    issued: datetime
    expires: datetime


@dataclass(frozen=True)
class Moment:
    """The state at a moment, and how the calls since the previous moment went.

    Attributes:
        time: The moment.
        generations: The certificates that exist, the oldest first.
        bundle: The numbers of the generations in the trust bundle, in its order.
        presents: The number of the generation that each stage presents, by the stage's name.
            Missing if it presents none.
        calls: The calls since the previous moment, by the stage's name.
        held: Whether the alarm on a held rotation fires.
    """

    time: datetime
    generations: Sequence[Generation]
    bundle: Sequence[int]
    presents: Mapping[str, int]
    calls: Mapping[str, Calls]
    held: bool = False


_COLORS: Final = ("#0b6e99", "#c4671a", "#4d7c3a", "#8a4f9e")
_REFUSED: Final = "#c62828"
_WIDTH, _LEFT, _RIGHT, _LINE, _BAR, _CHART = 900, 150, 20, 22, 14, 60


def draw(moments: Sequence[Moment], title: str) -> str:
    """Return an SVG: generations, trust bundle, stages and calls over time.

    Args:
        moments: In their order, at least two of them.
        title: What the picture shows, which is also its text alternative.
    """
    drawing = _Drawing(moments[0].time, moments[-1].time)
    drawing.heading(title)
    generations = {it for moment in moments for it in moment.generations}
    drawing.section("certificates")
    for generation in sorted(generations, key=lambda it: it.number):
        drawing.row(f"generation {generation.number}")
        drawing.bar(generation.issued, generation.expires, generation.number, faint=True)
        for start, end in _spans(moments, [generation in it.generations for it in moments]):
            drawing.bar(start, end, generation.number)
    drawing.section("trust bundle")
    for position in range(max(len(it.bundle) for it in moments)):
        drawing.row(("first PEM", "second PEM", "third PEM")[position])
        at_position = [it.bundle[position] if position < len(it.bundle) else 0 for it in moments]
        drawing.bars(moments, at_position)
    drawing.section("stages present")
    for stage in sorted({name for moment in moments for name in moment.calls}):
        drawing.row(stage)
        drawing.bars(moments, [it.presents.get(stage, 0) for it in moments])
    if any(it.held for it in moments):
        drawing.row("rotation held")
        for start, end in _spans(moments, [it.held for it in moments]):
            drawing.bar(start, end, None)
    calls = [sum(moment.calls.values(), Calls()) for moment in moments]
    total = sum(calls, Calls())
    drawing.section(f"handshakes: {total.accepted:,} accepted, {total.refused:,} refused")
    drawing.chart(moments, calls)
    return drawing.svg(title)


def _spans(
    moments: Sequence[Moment], values: Sequence[object]
) -> Iterable[tuple[datetime, datetime]]:
    """Return the times during which a value is true: until the moment at which it is not."""
    start = None
    for moment, value in zip(moments, values, strict=True):
        if value and start is None:
            start = moment.time
        elif not value and start is not None:
            yield start, moment.time
            start = None
    if start is not None and start < moments[-1].time:
        yield start, moments[-1].time


class _Drawing:
    """An SVG that grows downwards. Its rows share one time axis."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start, self._end = start, end
        self._y = 0.0
        self._items: list[str] = []

    def heading(self, text: str) -> None:
        self._y += _LINE
        self._text(12, self._y, text, "font-weight='bold' font-size='15'")

    def section(self, text: str) -> None:
        self._y += 1.5 * _LINE
        self._text(12, self._y, text, "font-weight='bold'")

    def row(self, label: str) -> None:
        self._y += _LINE
        self._text(_LEFT - 12, self._y, label, "text-anchor='end'")

    def bars(self, moments: Sequence[Moment], numbers: Sequence[int]) -> None:
        """Draw the generation with a number, 0 for none, from each moment to the next one."""
        for number in sorted(set(numbers) - {0}):
            for start, end in _spans(moments, [it == number for it in numbers]):
                self.bar(start, end, number)

    def bar(
        self, start: datetime, end: datetime, number: int | None, *, faint: bool = False
    ) -> None:
        """Draw a bar in the current row, in the color of a generation."""
        color = _REFUSED if number is None else _COLORS[(number - 1) % len(_COLORS)]
        left, right = self._x(start), self._x(end)
        self._rectangle(left, self._y - 11, right - left, _BAR, color, 0.2 if faint else 1)

    def chart(self, moments: Sequence[Moment], calls: Sequence[Calls]) -> None:
        """Draw how many calls were accepted and refused from each moment to the next one."""
        self._y += _CHART + 8
        most = max(it.accepted + it.refused for it in calls) or 1
        for (before, moment), count in zip(pairwise(moments), calls[1:], strict=True):
            left, right = self._x(before.time), self._x(moment.time)
            bottom = self._y
            for number, color in ((count.accepted, "#7a8a99"), (count.refused, _REFUSED)):
                height = _CHART * number / most
                bottom -= height
                self._rectangle(left, bottom, max(right - left - 0.5, 0.5), height, color, 1)
        self._text(_LEFT - 12, self._y - _CHART + 8, f"{most:,}", "text-anchor='end'")

    def svg(self, title: str) -> str:
        """Return the picture with its time axis."""
        axis = self._y + 4
        for year, month in self._quarters():
            x = self._x(datetime(year, month, 1, tzinfo=self._start.tzinfo))
            self._items.insert(
                0, f"<line x1='{x:.1f}' y1='{_LINE + 8}' x2='{x:.1f}' y2='{axis}' stroke='#ddd'/>"
            )
            self._text(x, axis + 16, f"{year}-{month:02}", "text-anchor='middle'")
        height = round(axis + 28)
        size = f"width='{_WIDTH}' height='{height}'"
        attributes = f"{size} viewBox='0 0 {_WIDTH} {height}' role='img'"
        font = "font-family='sans-serif' font-size='12' fill='#222'"
        return "\n".join(
            [
                f"<svg xmlns='http://www.w3.org/2000/svg' {attributes} {font}>",
                f"<title>{escape(title)}</title>",
                f"<rect {size} fill='white'/>",
                *self._items,
                "</svg>\n",
            ]
        )

    def _quarters(self) -> Iterable[tuple[int, int]]:
        for year in range(self._start.year, self._end.year + 1):
            for month in (1, 4, 7, 10):
                if self._start <= datetime(year, month, 1, tzinfo=self._start.tzinfo) <= self._end:
                    yield year, month

    def _x(self, time: datetime) -> float:
        """Return where a time is on the axis, at most at its ends."""
        share = (time - self._start) / (self._end - self._start)
        return _LEFT + min(max(share, 0), 1) * (_WIDTH - _LEFT - _RIGHT)

    def _rectangle(
        self, x: float, y: float, width: float, height: float, color: str, opacity: float
    ) -> None:
        self._items.append(
            f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' "
            f"fill='{color}' fill-opacity='{opacity}'/>"
        )

    def _text(self, x: float, y: float, text: str, style: str) -> None:
        self._items.append(f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>")
