"""Row 3: bytes of the assets, zipped as CDK zips; the same on every machine."""

import io
import zipfile
from pathlib import Path

from bench import contenders
from bench.measure import Figure

TITLE = "Asset, zipped"
ROUNDS = 1
GOAL = 20 * 1024


def run(_rounds: int) -> list[Figure]:
    """Each asset's size."""
    own = zipped(contenders.asset("ours", "lambda_handler"))
    peers = {
        "AwsCustomResource": contenders.asset("aws_custom_resource", "index.js"),
        "pip install -t of crhelper, nothing else": contenders.pip_crhelper(),
    }
    return [
        Figure(
            "ours, crhelper included",
            "asset",
            own,
            "bytes",
            goal="≤ 20 KB (20,480)",
            met=own <= GOAL,
        ),
        *(Figure(name, "asset", zipped(folder), "bytes") for name, folder in peers.items()),
    ]


def zipped(folder: Path) -> int:
    """Bytes of a folder as a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return len(file.getvalue())
