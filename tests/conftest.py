"""Options and fixtures for the tests of all folders."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--failure-mode",
        type=int,
        metavar="ROW",
        help="run only the tests that prove this row of docs/design/failure-modes.md",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    row = config.getoption("--failure-mode")
    if row is None:
        return
    selected = [
        item
        for item in items
        if any(row in marker.args for marker in item.iter_markers("failure_mode"))
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty home directory, except for jsii's cache, which takes seconds to fill."""
    home, cache = tmp_path_factory.mktemp("home"), Path(".cache/aws/jsii")
    (Path.home() / cache).mkdir(parents=True, exist_ok=True)
    (home / cache).parent.mkdir(parents=True)
    (home / cache).symlink_to(Path.home() / cache)
    return home
