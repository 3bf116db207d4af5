"""Check that each row of docs/design/failure-modes.md names a test with the row's marker."""

import importlib
import re
from pathlib import Path

TABLE = re.findall(
    r"^\| (\d+) \|[^|]+\|[^|]+\| `([\w/]+)\.py::(\w+)` \|$",
    (Path(__file__).parents[2] / "docs" / "design" / "failure-modes.md").read_text(),
    re.MULTILINE,
)


def test_table_lists_each_failure_mode_once() -> None:
    assert [int(row) for row, _, _ in TABLE] == list(range(1, 64))


def test_each_listed_test_exists_and_has_the_rows_marker() -> None:
    for row, module, name in TABLE:
        path = module if "/" in module else f"fault/{module}"
        test = getattr(importlib.import_module(f"tests.{path.replace('/', '.')}"), name)
        rows = [marker.args for marker in test.pytestmark if marker.name == "failure_mode"]
        assert rows == [(int(row),)], name
