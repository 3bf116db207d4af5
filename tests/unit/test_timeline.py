"""The timeline of a rotation shows the recorded events."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from demo.caller import Calls
from demo.timeline import Generation, Moment, draw

START = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Generation(1, START, START + 365 * DAY)
SECOND = Generation(2, START + 50 * DAY, START + 415 * DAY)
BLUE, ORANGE, RED = "#0b6e99", "#c4671a", "#c62828"
LEFT, WIDTH = 150, 730
"""Where the time axis starts, and its length."""


def moment(
    day: int,
    *,
    bundle: list[int],
    presents: int,
    calls: dict[str, Calls] | None = None,
    held: bool = False,
) -> Moment:
    generations = [it for it in (FIRST, SECOND) if it.number in bundle]
    return Moment(
        START + day * DAY,
        generations,
        bundle,
        {"nginx": presents},
        calls or {"nginx": Calls(accepted=10)},
        held,
    )


def draw_rotation(*more: Moment) -> ET.Element:
    rotation = [
        moment(0, bundle=[1], presents=1),
        moment(50, bundle=[1, 2], presents=1),
        moment(64, bundle=[2, 1], presents=2),
        moment(78, bundle=[2], presents=2),
        *more,
        moment(100, bundle=[2], presents=2),
    ]
    return ET.fromstring(draw(rotation, "A <rotation>"))


def bars(picture: ET.Element, row: str) -> list[tuple[str, int, int]]:
    """Return a row's color, first day and last day of each opaque bar, from left to right."""
    elements = list(picture)
    labels = [it.text for it in elements]
    found = []
    for element in elements[labels.index(row) + 1 :]:
        if element.tag.endswith("text"):
            break
        if element.get("fill-opacity") == "1":
            x, width = float(element.attrib["x"]), float(element.attrib["width"])
            first, last = (round((it - LEFT) * 100 / WIDTH) for it in (x, x + width))
            found.append((element.attrib["fill"], first, last))
    return sorted(found, key=lambda it: it[1])


def texts(picture: ET.Element) -> list[str]:
    return [it.text or "" for it in picture if it.tag.endswith("text")]


def test_shows_how_long_each_certificate_exists() -> None:
    picture = draw_rotation()
    assert bars(picture, "generation 1") == [(BLUE, 0, 78)]
    assert bars(picture, "generation 2") == [(ORANGE, 50, 100)]


def test_shows_the_bundle_in_its_order() -> None:
    picture = draw_rotation()
    assert bars(picture, "first PEM") == [(BLUE, 0, 64), (ORANGE, 64, 100)]
    assert bars(picture, "second PEM") == [(ORANGE, 50, 64), (BLUE, 64, 78)]


def test_shows_what_a_stage_presents() -> None:
    assert bars(draw_rotation(), "nginx") == [(BLUE, 0, 64), (ORANGE, 64, 100)]


def test_leaves_a_gap_where_a_stage_presents_nothing() -> None:
    picture = draw_rotation(replace(moment(90, bundle=[2], presents=2), presents={}))
    assert bars(picture, "nginx") == [(BLUE, 0, 64), (ORANGE, 64, 90)]


def test_counts_all_calls() -> None:
    failed = {"nginx": Calls(accepted=2000, refused=3)}
    picture = draw_rotation(moment(90, bundle=[2], presents=2, calls=failed))
    assert "handshakes: 2,050 accepted, 3 refused" in texts(picture)


def test_shows_refused_calls_in_red() -> None:
    failed = {"nginx": Calls(refused=3)}
    picture = draw_rotation(moment(90, bundle=[2], presents=2, calls=failed))
    [red] = [it for it in picture if it.get("fill") == RED and float(it.attrib["height"]) > 0]
    assert round((float(red.attrib["x"]) - LEFT) * 100 / WIDTH) == 78, "since the moment before"


def test_shows_a_held_rotation() -> None:
    assert "rotation held" not in texts(draw_rotation())
    picture = draw_rotation(moment(90, bundle=[2], presents=2, held=True))
    assert bars(picture, "rotation held") == [(RED, 90, 100)]


def test_has_a_text_alternative() -> None:
    picture = draw_rotation()
    assert picture.get("role") == "img"
    assert picture[0].text == "A <rotation>"
