"""The ready-made stack: its outputs, and the text form of tags."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificateStack
from cdk_apigateway_client_certificate.stack import parse_tags
from tests.unit.support import CERTIFICATE, Json, the_only


def test_the_outputs_are_these_and_none_is_exported(ready_made: Json) -> None:
    certificate, _ = the_only(ready_made, CERTIFICATE)
    assert ready_made["Outputs"] == {
        name: {"Value": {"Fn::GetAtt": [certificate, name]}}
        for name in ("ClientCertificateId", "PemEncodedCertificate", "ExpirationDate")
    }


def template(generation: int | str | None) -> Json:
    stack = ClientCertificateStack(cdk.App(), "ClientCertificate", generation=generation)
    found: Json = Template.from_stack(stack).to_json()
    return found


def test_another_generation_is_another_certificate_with_the_same_outputs() -> None:
    templates = [template(generation) for generation in (None, 1, "2", "2026-11")]
    assert len({the_only(it, CERTIFICATE)[0] for it in templates}) == 4
    assert len({tuple(it["Outputs"]) for it in templates}) == 1


def test_no_generation_keeps_the_logical_id_of_the_first_release() -> None:
    assert the_only(template(None), CERTIFICATE)[0] == "ClientCertificateF2C90FA6"


def test_a_generation_is_the_same_as_number_and_as_text() -> None:
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
        ("a=1,a=2", "the key 'a' appears twice"),
        ("a=1, a=2", "the key 'a' appears twice"),
        ({"a": "1"}, "it is not a text"),
    ],
)
def test_unreadable_tags_are_an_error_that_names_them(text: object, problem: str) -> None:
    with pytest.raises(ValueError, match="cannot read the tags") as error:
        parse_tags(text)
    assert str(error.value) == (
        f"cannot read the tags {text!r}: {problem}; write key=value,key=value"
    )
