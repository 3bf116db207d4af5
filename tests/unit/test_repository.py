"""What the repository must stay, and facts that stand in two files of two languages."""

import json
import tomllib
from pathlib import Path

import constructs

from cdk_apigateway_client_certificate import _handler_code

ROOT = Path(__file__).parents[2]


def test_the_folder_constructs_is_no_package() -> None:
    # With an __init__.py it would hide the PyPI package of its name, and aws_cdk would not import.
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert hasattr(constructs, "Construct")


def test_the_handler_that_ships_is_the_one_that_is_tested() -> None:
    link = ROOT / "constructs" / "cdk_apigateway_client_certificate" / "lambda_handler"
    assert link.readlink() == Path("../../lambda_handler")


def test_the_assets_crhelper_is_the_required_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pin = f"crhelper=={_handler_code.CRHELPER_VERSION}"
    assert pin in project["dependencies"]
    assert pin in (ROOT / "requirements.txt").read_text().splitlines()


def test_every_requirement_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text().splitlines()
        requirements = [line for line in lines if line and line[0] not in "#-"]
        assert requirements
        assert [line for line in requirements if line.count("==") != 1] == []


def test_the_cli_is_pinned_and_the_lock_names_no_registry() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert lock["node_modules/aws-cdk"]["version"] == package["dependencies"]["aws-cdk"]
    assert not [path for path, entry in lock.items() if "resolved" in entry]
