"""A managed policy has at most 6,144 characters, which synth checks."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import RotatingClientCertificate

VALUES = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}


def stack_with(certificates: int, stages: int) -> cdk.Stack:
    """Return a stack of certificates that have this number of stages each."""
    stack = cdk.Stack(cdk.App(), "Orders")
    for number in range(certificates):
        api = apigateway.CfnRestApi(stack, f"Api{number}", name="orders")
        RotatingClientCertificate(
            stack,
            f"Certificate{number}",
            stages=[
                apigateway.CfnStage(stack, f"Stage{number}-{it}", rest_api_id=api.ref)
                for it in range(stages)
            ],
            trust_parameter_name=f"/orders/{number}",
        )
    return stack


def policy_lengths(stack: cdk.Stack) -> list[int]:
    """Return the characters of each managed policy once it is deployed."""

    def deployed(value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return VALUES.get(name, "a1b2c3d4e5" if name.startswith("Api") else "v")
            case {"Fn::Join": [str(delimiter), [*parts]]}:
                return delimiter.join(map(deployed, parts))
            case dict():
                return {key: deployed(it) for key, it in value.items()}
            case list():
                return [deployed(it) for it in value]
        return value

    policies = Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy").values()
    documents = [deployed(it["Properties"]["PolicyDocument"]) for it in policies]
    return [len(json.dumps(it, separators=(",", ":"))) for it in documents]


@pytest.mark.parametrize(("certificates", "stages"), [(1, 93), (10, 8)])
def test_policy_that_fits_is_accepted(certificates: int, stages: int) -> None:
    (length,) = policy_lengths(stack_with(certificates, stages))
    assert 5700 < length <= 6144


@pytest.mark.parametrize(("certificates", "stages"), [(1, 94), (10, 9)])
def test_policy_that_is_too_long_is_an_error(certificates: int, stages: int) -> None:
    with pytest.raises(RuntimeError, match="IAM takes 6144") as error:
        policy_lengths(stack_with(certificates, stages))
    assert f"for {certificates * stages} stages and 0 methods" in str(error.value)
    assert "another stack" in str(error.value)


def test_eleventh_certificate_has_a_policy_of_its_own() -> None:
    assert len(policy_lengths(stack_with(11, 5))) == 2
