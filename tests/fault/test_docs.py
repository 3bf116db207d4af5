"""docs/failure-modes.md names each row and, for each, a test that exists."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = re.findall(
    r"^\| (\d+) \|[^|]+\|[^|]+\| `(\w+\.py)::(\w+)` \|$",
    (HERE.parents[1] / "docs" / "failure-modes.md").read_text(),
    re.MULTILINE,
)


def test_each_of_the_34_rows_stands_in_the_table_once() -> None:
    assert [int(number) for number, _, _ in TABLE] == list(range(1, 35))


def test_the_test_that_a_row_names_exists_and_names_the_row() -> None:
    for number, file, test in TABLE:
        assert test.startswith(f"test_row_{int(number):02d}_")
        assert f"\ndef {test}(" in (HERE / file).read_text(), test
