"""Clients for the tests of this folder."""

from collections.abc import Iterator

import pytest

from local_aws import LocalAws
from tests.backends.clients import Clients, issue_clients


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return issue_clients(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws
