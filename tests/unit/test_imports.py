"""Test certificates from elsewhere: looked up by ID or ARN, or with known attributes."""

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate
from tests.unit.support import CERTIFICATE, Json, of_type, the_only

LOOKUP = "Custom::ApiGatewayClientCertificateLookup"
ARN = "arn:aws:apigateway:eu-west-1::/clientcertificates/abc123"

ATTRIBUTES = {
    "client_certificate_id": "ClientCertificateId",
    "client_certificate_arn": "ClientCertificateArn",
    "pem_encoded_certificate": "PemEncodedCertificate",
    "created_date": "CreatedDate",
    "expiration_date": "ExpirationDate",
}


@pytest.fixture
def european() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(region="eu-west-1"))


def looked_up(stack: cdk.Stack) -> Json:
    """Return the properties of the stack's only lookup, without the ServiceToken."""
    _, found = the_only(Template.from_stack(stack).to_json(), LOOKUP)
    return {key: it for key, it in found["Properties"].items() if key != "ServiceToken"}


def test_lookup_has_only_the_id_as_a_property(stack: cdk.Stack) -> None:
    ClientCertificate.from_client_certificate_id(stack, "Existing", "abc123")
    assert looked_up(stack) == {"ClientCertificateId": "abc123", "ServiceTimeout": "1200"}


def test_lookup_returns_every_attribute(stack: cdk.Stack) -> None:
    found = ClientCertificate.from_client_certificate_id(stack, "Existing", "abc123")
    [logical_id] = of_type(Template.from_stack(stack).to_json(), LOOKUP)
    assert {name: stack.resolve(getattr(found, name)) for name in ATTRIBUTES} == {
        name: {"Fn::GetAtt": [logical_id, attribute]} for name, attribute in ATTRIBUTES.items()
    }


def test_lookups_and_certificates_share_a_function(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Own")
    for id in ("One", "Two"):
        ClientCertificate.from_client_certificate_id(stack, id, "abc123")
    template = Template.from_stack(stack).to_json()
    [function] = of_type(template, "AWS::Lambda::Function")
    resources = [*of_type(template, LOOKUP).values(), *of_type(template, CERTIFICATE).values()]
    assert [it["Properties"]["ServiceToken"] for it in resources] == [
        {"Fn::GetAtt": [function, "Arn"]}
    ] * 3


def test_looks_up_a_native_certificate(stack: cdk.Stack) -> None:
    native = apigateway.CfnClientCertificate(stack, "Native")
    ClientCertificate.from_client_certificate_id(stack, "Read", native.attr_client_certificate_id)
    assert looked_up(stack)["ClientCertificateId"] == {
        "Fn::GetAtt": ["Native", "ClientCertificateId"]
    }


@pytest.mark.parametrize("id", ["", "a/b", ARN, "äbc", "a b", "*"])
def test_refuses_an_invalid_id_and_names_the_command_that_lists_ids(
    stack: cdk.Stack, id: str
) -> None:
    makers: dict[str, Callable[[str], object]] = {
        "Id": lambda name: ClientCertificate.from_client_certificate_id(stack, name, id),
        "Attributes": lambda name: ClientCertificate.from_client_certificate_attributes(
            stack, name, client_certificate_id=id
        ),
    }
    for name, make in makers.items():
        with pytest.raises(ValueError, match="aws apigateway get-client-certificates") as error:
            make(name)
        assert str(error.value).startswith(f"Stack/{name}: {id!r} is not the ID")


def test_looks_up_the_id_of_an_arn(stack: cdk.Stack) -> None:
    ClientCertificate.from_client_certificate_arn(stack, "Existing", ARN)
    assert looked_up(stack)["ClientCertificateId"] == "abc123"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_accepts_an_arn_of_any_partition(european: cdk.Stack, partition: str) -> None:
    arn = ARN.replace("arn:aws:", f"arn:{partition}:")
    ClientCertificate.from_client_certificate_arn(european, "Existing", arn)
    assert looked_up(european)["ClientCertificateId"] == "abc123"


def test_accepts_a_token_as_arn(stack: cdk.Stack) -> None:
    arn = cdk.CfnParameter(stack, "Arn").value_as_string
    ClientCertificate.from_client_certificate_arn(stack, "Existing", arn)
    split = {"Fn::Split": ["/clientcertificates/", {"Ref": "Arn"}]}
    assert looked_up(stack)["ClientCertificateId"] == {"Fn::Select": [1, split]}


def test_looks_up_the_arn_of_a_certificate_in_the_app(stack: cdk.Stack) -> None:
    own = ClientCertificate(stack, "Own")
    ClientCertificate.from_client_certificate_arn(stack, "Read", own.client_certificate_arn)
    assert "Fn::Select" in looked_up(stack)["ClientCertificateId"]


@pytest.mark.parametrize(
    "arn",
    [
        "abc123",
        "",
        "arn:aws:apigateway:eu-west-1::/restapis/abc123",
        "arn:aws:apigateway:eu-west-1::/clientcertificates/",
        "arn:aws:acm:eu-west-1:111111111111:certificate/abc123",
    ],
)
def test_refuses_an_arn_of_another_resource(stack: cdk.Stack, arn: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN of a client certificate: write arn:"):
        ClientCertificate.from_client_certificate_arn(stack, "Existing", arn)


def test_refuses_an_arn_with_an_invalid_id(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="Stack/Existing: 'abc123/x' is not the ID"):
        ClientCertificate.from_client_certificate_arn(stack, "Existing", f"{ARN}/x")


def test_refuses_an_arn_of_another_region(
    european: cdk.Stack,
) -> None:
    other = ARN.replace("eu-west-1", "us-east-1")
    with pytest.raises(ValueError, match="import it into a stack of us-east-1") as error:
        ClientCertificate.from_client_certificate_arn(european, "Existing", other)
    assert repr(other) in str(error.value)


def test_known_attributes_create_no_resource(european: cdk.Stack) -> None:
    known = ClientCertificate.from_client_certificate_attributes(
        european,
        "Known",
        client_certificate_id="abc123",
        pem_encoded_certificate="pem",
        created_date="2026-01-01T00:00:00Z",
        expiration_date="2027-01-01T00:00:00Z",
    )
    assert {name: european.resolve(getattr(known, name)) for name in ATTRIBUTES} == {
        "client_certificate_id": "abc123",
        "client_certificate_arn": {
            "Fn::Join": [
                "",
                [
                    "arn:",
                    {"Ref": "AWS::Partition"},
                    ":apigateway:eu-west-1::/clientcertificates/abc123",
                ],
            ]
        },
        "pem_encoded_certificate": "pem",
        "created_date": "2026-01-01T00:00:00Z",
        "expiration_date": "2027-01-01T00:00:00Z",
    }
    assert "Resources" not in Template.from_stack(european).to_json()


@pytest.mark.parametrize(
    "attribute", ["pem_encoded_certificate", "created_date", "expiration_date"]
)
def test_unknown_attribute_raises_an_error_with_the_fix(stack: cdk.Stack, attribute: str) -> None:
    known = ClientCertificate.from_client_certificate_attributes(
        stack, "Known", client_certificate_id="abc123"
    )
    with pytest.raises(ValueError, match="is not known here: give it to") as error:
        getattr(known, attribute)
    assert str(error.value).startswith(f"Stack/Known: {ATTRIBUTES[attribute]} is not known")
    assert "from_client_certificate_id" in str(error.value)


@pytest.fixture(params=["made", "looked up", "known"])
def any_certificate(request: pytest.FixtureRequest, stack: cdk.Stack) -> IClientCertificate:
    """Return a certificate from each source; each must satisfy IClientCertificate at run time."""
    match request.param:
        case "made":
            return ClientCertificate(stack, "Certificate")
        case "looked up":
            return ClientCertificate.from_client_certificate_id(stack, "Certificate", "abc123")
        case _:
            return ClientCertificate.from_client_certificate_attributes(
                stack, "Certificate", client_certificate_id="abc123"
            )


def test_grant_read_covers_this_certificate_only(
    stack: cdk.Stack, any_certificate: IClientCertificate
) -> None:
    user = iam.User(stack, "Reader")
    grant = any_certificate.grant_read(user)
    grant.assert_success()
    _, policy = the_only(Template.from_stack(stack).to_json(), "AWS::IAM::Policy")
    assert policy["Properties"]["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "apigateway:GET",
            "Resource": stack.resolve(any_certificate.client_certificate_arn),
        }
    ]


def test_every_certificate_implements_the_interface(
    any_certificate: IClientCertificate,
) -> None:
    # mypy checks the types, in the from_…() methods and in examples/.
    for name in {name for name in vars(IClientCertificate) if not name.startswith("_")}:
        assert hasattr(type(any_certificate), name), name


def test_each_member_is_documented_once() -> None:
    members = [name for name in vars(IClientCertificate) if not name.startswith("_")]
    assert len(members) == 12
    assert all(getattr(ClientCertificate, name).__doc__ for name in members)
    assert not any(getattr(IClientCertificate, name).__doc__ for name in members)


def test_interface_extends_the_l2_resource_interface(
    stack: cdk.Stack, any_certificate: IClientCertificate
) -> None:
    assert any_certificate.node.path == "Stack/Certificate"
    assert any_certificate.stack.node.path == "Stack"
    assert any_certificate.env.region == stack.region
    cdk.Tags.of(any_certificate).add("team", "edge")
    Template.from_stack(stack)


def test_interface_extends_the_l1_reference_interface(any_certificate: IClientCertificate) -> None:
    reference = any_certificate.client_certificate_ref
    assert reference.client_certificate_id == any_certificate.client_certificate_id
