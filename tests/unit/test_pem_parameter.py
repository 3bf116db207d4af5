"""Test `publish_to_parameter`, whose parameter stays when the certificate is replaced."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, Json, of_type, the_only

PARAMETER = "AWS::SSM::Parameter"
NAME = "/orders/trusted-client"


@pytest.fixture
def certificate(stack: cdk.Stack) -> ClientCertificate:
    return ClientCertificate(stack, "Certificate")


def parameters(stack: cdk.Stack) -> dict[str, Json]:
    return of_type(Template.from_stack(stack).to_json(), PARAMETER)


def test_parameter_contains_the_pem(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    certificate.publish_to_parameter(NAME)
    template = Template.from_stack(stack).to_json()
    _, parameter = the_only(template, PARAMETER)
    assert parameter["Properties"] == {
        "Name": NAME,
        "Type": "String",
        "Description": "PEM of the API Gateway client certificate Stack/Certificate",
        "Value": {"Fn::GetAtt": [the_only(template, CERTIFICATE)[0], "PemEncodedCertificate"]},
    }


def test_parameter_can_grant_read_access(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    parameter = certificate.publish_to_parameter(NAME)
    parameter.grant_read(cdk.aws_iam.User(stack, "User"))
    template = Template.from_stack(stack).to_json()
    assert stack.resolve(parameter.parameter_name)["Ref"] in of_type(template, PARAMETER)
    assert of_type(template, "AWS::IAM::Policy")


@pytest.mark.parametrize("nested", [False, True])
def test_replacement_keeps_the_parameters_logical_id(nested: bool) -> None:
    logical_ids: set[str] = set()
    for id in ("Certificate", "Renewed"):
        stack = cdk.Stack(cdk.App(), "Stack")
        home = cdk.NestedStack(stack, "Nested") if nested else stack
        ClientCertificate(home, id).publish_to_parameter(NAME)
        logical_ids |= parameters(home).keys()
    assert len(logical_ids) == 1


def test_each_name_creates_a_parameter(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    names = ["/a/b", "/a--b", "a", "/a"]
    for name in names:
        certificate.publish_to_parameter(name)
    assert [it["Properties"]["Name"] for it in parameters(stack).values()] == names


def test_same_name_returns_the_same_parameter(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    first = certificate.publish_to_parameter(NAME)
    second = certificate.publish_to_parameter(NAME)
    assert first.node.addr == second.node.addr
    assert len(parameters(stack)) == 1


def test_two_certificates_cannot_share_a_name(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    certificate.publish_to_parameter(NAME)
    with pytest.raises(ValueError, match="use another name") as error:
        ClientCertificate(stack, "Second").publish_to_parameter(NAME)
    assert str(error.value) == (
        "Stack/Second: parameter '/orders/trusted-client' has another value already (PEM of the "
        "API Gateway client certificate Stack/Certificate), and a parameter holds one PEM: use "
        "another name"
    )


def test_name_can_contain_tokens(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    name = f"/{cdk.Aws.STACK_NAME}/pem"
    certificate.publish_to_parameter(name)
    certificate.publish_to_parameter(f"/{cdk.Aws.STACK_NAME}/pem")
    certificate.publish_to_parameter(f"/{cdk.Aws.REGION}/pem")
    assert [stack.resolve(name), stack.resolve(f"/{cdk.Aws.REGION}/pem")] == [
        it["Properties"]["Name"] for it in parameters(stack).values()
    ]


def test_refuses_a_name_that_starts_with_a_token(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    name = cdk.CfnParameter(stack, "Name").value_as_string
    with pytest.raises(ValueError, match="starts with a token") as error:
        certificate.publish_to_parameter(name)
    assert str(error.value).startswith("Stack/Certificate: parameter name '${Token[")
    certificate.publish_to_parameter(f"/{name}")  # the fix that the message suggests
    assert len(parameters(stack)) == 1


def test_publishes_a_looked_up_certificate(stack: cdk.Stack) -> None:
    existing = ClientCertificate.from_client_certificate_id(stack, "Existing", "abc123")
    existing.publish_to_parameter(NAME)
    [parameter] = parameters(stack).values()
    assert parameter["Properties"]["Value"]["Fn::GetAtt"][1] == "PemEncodedCertificate"
