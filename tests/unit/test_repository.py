"""Check the repository's layout, and values that two files must agree on."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import constructs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cdk_apigateway_client_certificate import _handler_code

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-extra.txt")


def locked(name: str) -> dict[str, str]:
    """Return the version of each package that a lock file pins."""
    pins = re.findall(r"^([\w.-]+)(?:\[\S+\])?==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def test_constructs_folder_is_not_a_package() -> None:
    # With an __init__.py it would shadow the PyPI package `constructs`, which aws_cdk imports.
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert hasattr(constructs, "Construct")


def test_packaged_handler_is_a_symlink_to_the_source() -> None:
    link = ROOT / "constructs" / "cdk_apigateway_client_certificate" / "lambda_handler"
    assert link.readlink() == Path("../../lambda_handler")


def test_asset_contains_the_required_crhelper() -> None:
    pin = Requirement(f"crhelper=={_handler_code.CRHELPER_VERSION}")
    assert pin in [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
    assert locked("requirements.txt")["crhelper"] == _handler_code.CRHELPER_VERSION


def test_every_locked_package_has_hashes() -> None:
    for name in LOCKS:
        entries = re.split(r"^(?=[^ #])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
        assert entries
        assert [it for it in entries if "==" not in it or "--hash=sha256:" not in it] == [], name


def test_locks_contain_all_requirements() -> None:
    groups = PYPROJECT["dependency-groups"]
    dev = [it for it in groups["dev"] if isinstance(it, str)] + groups["local-aws"] + groups["docs"]
    dependencies = PYPROJECT["project"]["dependencies"]
    for name, requirements in {
        "requirements.txt": dependencies,
        "requirements-dev.txt": [*dependencies, *dev],
        "requirements-extra.txt": groups["extra"],
    }.items():
        versions = locked(name)
        for requirement in map(Requirement, requirements):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{name} lacks {requirement}: run make lock"
            assert version in requirement.specifier, f"{name}: {requirement}: run make lock"


def test_locks_agree() -> None:
    dev = locked("requirements-dev.txt")
    assert locked("requirements.txt").items() <= dev.items()
    extra = locked("requirements-extra.txt")
    assert {name: dev[name] for name in extra.keys() & dev.keys()}.items() <= extra.items()


def test_shared_module_comes_from_aws_cdk_lib() -> None:
    """Two packages contain it, and aws_cdk fails with the other one's; see tools/packages.py."""
    files = importlib.metadata.files("aws-cdk-lib") or []
    [shared] = [it for it in files if str(it) == "aws_cdk/cloud_assembly_schema/__init__.py"]
    assert shared.size == Path(str(shared.locate())).stat().st_size, "run make clean install"


def test_no_file_names_a_package_index() -> None:
    # Users install from the index that they have configured, which may be a company's own.
    for name in (*LOCKS, "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text()
        assert re.findall(r"--(?:\w+-)?index\S*|--find-links|^-[if] ", text, re.MULTILINE) == []
        assert re.findall(r"https?://\S+", text) == [], name


def test_cli_is_pinned_without_registry_urls() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert lock["node_modules/aws-cdk"]["version"] == package["dependencies"]["aws-cdk"]
    assert not [path for path, entry in lock.items() if "resolved" in entry]


def test_mutated_modules_exist() -> None:
    mutated = PYPROJECT["tool"]["mutmut"]["only_mutate"]
    assert [name for name in mutated if not (ROOT / name).is_file()] == []
