"""Draw docs/how-to/monitoring.svg, the dashboard of examples/monitoring.py, with simulated data.

The widgets, their sizes and their lines are those of the synthesized dashboard, and the states of
the alarms follow from their definitions. The data is that of a certificate that nobody replaces, as
the handler computes it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lambda_handler.metrics import days_to_expiry

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLE: Final = ROOT / "examples/monitoring.py"
TARGET: Final = ROOT / "docs/how-to/monitoring.svg"

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
VALIDITY: Final = timedelta(days=365)
SHOWN: Final = timedelta(days=344)
CHECK_INTERVAL: Final = timedelta(hours=12)

Json = dict[str, Any]


def main() -> None:
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = "dashboard"  # else the IDs in the file differ each time
    from matplotlib.figure import Figure

    resources = _template()["Resources"]
    widgets = _dashboard(resources)["widgets"]
    rows = max(it["y"] + it["height"] for it in widgets)
    canvas = Figure(figsize=(10, 0.6 * rows), layout="constrained")
    grid = canvas.add_gridspec(rows, 24)  # CloudWatch's dashboards have 24 columns
    for widget in widgets:
        x, y = widget["x"], widget["y"]
        axes = canvas.add_subplot(grid[y : y + widget["height"], x : x + widget["width"]])
        axes.set_title(widget["properties"]["title"], fontsize=10, loc="left")
        match widget["type"]:
            case "metric":
                _draw_graph(axes, widget["properties"])
            case "alarm":
                _draw_alarms(axes, widget["properties"], resources)
            case other:
                raise ValueError(f"cannot draw a widget of type {other!r}: add it here")
    canvas.supxlabel("simulated data: nobody replaces the certificate", fontsize=8)
    canvas.savefig(TARGET, format="svg", metadata={"Date": None})


def _template() -> Json:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CDK_OUTDIR": folder}
        subprocess.run([sys.executable, EXAMPLE], env=environment, check=True)
        [path] = Path(folder).glob("*.template.json")
        template: Json = json.loads(path.read_text())
    return template


def _dashboard(resources: Json) -> Json:
    [dashboard] = [it for it in resources.values() if it["Type"] == "AWS::CloudWatch::Dashboard"]
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    body: Json = json.loads("".join(it if isinstance(it, str) else _name(it) for it in parts))
    return body


def _name(reference: Mapping[str, Any]) -> str:
    """Return a name for what is known only after the deploy: that of its resource."""
    [value] = reference.values()
    return str(value[0] if isinstance(value, list) else value)


def _samples() -> Iterator[tuple[datetime, float]]:
    """Yield what the checks report."""
    now = START
    while now <= START + SHOWN:
        yield now, days_to_expiry(START + VALIDITY, now)
        now += CHECK_INTERVAL


def _draw_graph(axes: Any, properties: Json) -> None:
    [[namespace, name, *_, options]] = properties["metrics"]
    assert (namespace, name) == ("ApiGatewayClientCertificate", "DaysToExpiry")
    assert (options["stat"], options["period"]) == ("Minimum", 86_400)
    by_day: dict[datetime, float] = {}
    for moment, value in _samples():
        day = moment.replace(hour=0)
        by_day[day] = min(value, by_day.get(day, value))
    axes.plot(list(by_day), list(by_day.values()), label=options["label"])
    for line in properties["annotations"]["horizontal"]:
        axes.axhline(line["value"], color=line["color"], label=line["label"])
    axes.set_ylabel(properties["yAxis"]["left"]["label"])
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="x", labelrotation=30, labelsize=8)
    axes.legend(fontsize=8)


def _draw_alarms(axes: Any, properties: Json, resources: Json) -> None:
    for position, id in enumerate(properties["alarms"]):
        state = _state(resources[id]["Properties"])
        axes.barh([position], [1], color="#1d8102" if state == "OK" else "#d13212")
        text = f"{id}\n{state}"
        axes.text(0.5, position, text, color="white", ha="center", va="center", fontsize=7)
    axes.invert_yaxis()
    axes.axis("off")


def _state(alarm: Json) -> str:
    """Return an alarm's state at the end of the data, in which no check is missing."""
    *_, (_, value) = _samples()
    match alarm["Statistic"], alarm["ComparisonOperator"]:
        case "Minimum", "LessThanOrEqualToThreshold":
            return "ALARM" if value <= alarm["Threshold"] else "OK"
        case "SampleCount", "LessThanThreshold":
            return "OK"
        case other:
            raise ValueError(f"cannot evaluate an alarm of {other}: add it here")


if __name__ == "__main__":
    main()
