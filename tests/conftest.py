"""What tests of several folders need."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory that was empty; shared, since jsii unpacks aws-cdk-lib into each anew."""
    return tmp_path_factory.mktemp("home")
