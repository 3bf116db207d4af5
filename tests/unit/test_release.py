"""Check that version, changelog, notices and bill of materials of a release agree."""

import importlib.metadata
import json
import re
from datetime import datetime
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from cdk_apigateway_client_certificate._handler_code import CRHELPER_VERSION, _LocalBundling
from cdk_apigateway_client_certificate._version import __version__
from tests.unit.support import the_only
from tools.release_check import check_tag
from tools.sbom import bill_of_materials

ROOT = Path(__file__).parents[2]


def test_newest_heading_of_changelog_is_the_version() -> None:
    """Between releases the version ends in `.dev0`, and the newest heading is Unreleased."""
    newest = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    if __version__.endswith(".dev0"):
        assert newest == "[Unreleased]"
    else:
        assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", newest)


def test_function_description_starts_with_name_and_version() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    ClientCertificate(stack, "Certificate")
    _, function = the_only(Template.from_stack(stack).to_json(), "AWS::Lambda::Function")
    description = function["Properties"]["Description"]
    assert description.startswith(f"cdk-apigateway-client-certificate {__version__}: ")
    assert len(description) <= 256  # Lambda's limit


def test_asset_contains_licence_and_notice_of_its_crhelper(tmp_path: Path) -> None:
    assert _LocalBundling().try_bundle(str(tmp_path))
    notices = (tmp_path / "THIRD_PARTY_NOTICES.txt").read_text()
    assert f"crhelper {CRHELPER_VERSION}" in notices
    crhelper = importlib.metadata.distribution("crhelper")
    for name in ("LICENSE", "NOTICE"):
        text = crhelper.read_text(name)
        assert text is not None
        assert text in notices


def test_bill_of_materials_names_the_packages_of_the_asset(tmp_path: Path) -> None:
    assert _LocalBundling().try_bundle(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        "crhelper",
        "lambda_handler",
    }
    own = ("cdk-apigateway-client-certificate", "1.2.3")
    released = datetime.fromisoformat("2026-01-02T03:04:05+01:00")

    text = bill_of_materials(own, CRHELPER_VERSION, "0123abc", released)

    assert text == bill_of_materials(own, CRHELPER_VERSION, "0123abc", released)
    bill = json.loads(text)
    assert sorted(component["purl"] for component in bill["components"]) == [
        "pkg:pypi/cdk-apigateway-client-certificate@1.2.3",
        f"pkg:pypi/crhelper@{CRHELPER_VERSION}",
    ]
    assert bill["metadata"]["timestamp"] == "2026-01-02T02:04:05+00:00"
    assert {"name": "aws:cdk:asset-hash", "value": "0123abc"} in (
        bill["metadata"]["component"]["properties"]
    )


@pytest.mark.parametrize(
    ("tag", "version", "message"),
    [
        ("v1.2.4", "1.2.3", "tag 'v1.2.4' is not v1.2.3"),
        ("v1.2.4.dev0", "1.2.4.dev0", "1.2.4.dev0 is a version between releases"),
    ],
)
def test_release_needs_the_tag_of_a_released_version(tag: str, version: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        check_tag(tag, version)
    check_tag("v1.2.3", "1.2.3")
    check_tag(None, "1.2.4.dev0")
