"""Test the ready-made stack: outputs, generations and tags in text form."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificateStack
from cdk_apigateway_client_certificate.stack import parse_tags
from tests.unit.support import CERTIFICATE, Json, the_only


def test_outputs_are_not_exported(ready_made: Json) -> None:
    certificate, _ = the_only(ready_made, CERTIFICATE)
    assert ready_made["Outputs"] == {
        name: {"Value": {"Fn::GetAtt": [certificate, name]}}
        for name in ("ClientCertificateId", "PemEncodedCertificate", "ExpirationDate")
    }


def template(generation: int | str | None) -> Json:
    stack = ClientCertificateStack(cdk.App(), "ClientCertificate", generation=generation)
    found: Json = Template.from_stack(stack).to_json()
    return found


def test_generation_changes_the_certificate_and_keeps_the_outputs() -> None:
    templates = [template(generation) for generation in (None, 1, "2", "2026-11")]
    assert len({the_only(it, CERTIFICATE)[0] for it in templates}) == 4
    assert len({tuple(it["Outputs"]) for it in templates}) == 1


def test_default_keeps_the_logical_id_of_the_first_release() -> None:
    assert the_only(template(None), CERTIFICATE)[0] == "ClientCertificateF2C90FA6"


def test_generation_can_be_a_number_or_a_string() -> None:
    assert template(2) == template("2")


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
def test_parses_tags(text: str, tags: dict[str, str]) -> None:
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
        ("a=1,a=2", "the key 'a' appears twice"),
        ("a=1, a=2", "the key 'a' appears twice"),
        ({"a": "1"}, "it is not a text"),
    ],
)
def test_refuses_unreadable_tags(text: object, problem: str) -> None:
    with pytest.raises(ValueError, match="cannot read the tags") as error:
        parse_tags(text)
    assert str(error.value) == (
        f"cannot read the tags {text!r}: {problem}; write key=value,key=value"
    )
