"""The ready-made stack: its outputs, its template as a contract, and the text form of tags."""

import json
import re
from pathlib import Path

import pytest

from cdk_apigateway_client_certificate.stack import parse_tags
from tests.unit.support import CERTIFICATE, Json, the_only

SNAPSHOT = Path(__file__).parent / "snapshots" / "client_certificate_stack.json"


def test_the_outputs_are_these_and_none_is_exported(ready_made: Json) -> None:
    certificate, _ = the_only(ready_made, CERTIFICATE)
    assert ready_made["Outputs"] == {
        name: {"Value": {"Fn::GetAtt": [certificate, name]}}
        for name in ("ClientCertificateId", "PemEncodedCertificate", "ExpirationDate")
    }


def test_the_template_is_as_pinned(ready_made: Json) -> None:
    # Logical IDs are public, so a change is a decision: delete the file, run this, read the diff.
    text = re.sub(r"[0-9a-f]{64}", "<asset hash>", json.dumps(ready_made, indent=2)) + "\n"
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(text)
        pytest.fail(f"{SNAPSHOT.name} was missing and is written: read it, then commit it")
    assert json.loads(text) == json.loads(SNAPSHOT.read_text())


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", {}),
        ("  ", {}),
        ("a=1", {"a": "1"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=1, b=2 ", {"a": "1", "b": "2"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("team:x/y@z=Team A", {"team:x/y@z": "Team A"}),
    ],
)
def test_tags_are_read(text: str, tags: dict[str, str]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a", "'a' is not of the form key=value"),
        ("=x", "'=x' is not of the form key=value"),
        ("=", "'=' is not of the form key=value"),
        (" =x", "' =x' is not of the form key=value"),
        (",", "'' is not of the form key=value"),
        ("a=1,", "'' is not of the form key=value"),
        ("a=1,b", "'b' is not of the form key=value"),
        ("a=1,a=2", "the key 'a' comes twice"),
        ("a=1, a=2", "the key 'a' comes twice"),
        ({"a": "1"}, "it is no text"),
    ],
)
def test_unreadable_tags_are_an_error_that_names_them(text: object, problem: str) -> None:
    with pytest.raises(ValueError, match="cannot read the tags") as error:
        parse_tags(text)
    assert str(error.value) == (
        f"cannot read the tags {text!r}: {problem}; write key=value,key=value"
    )
