"""Test the function, its role and its log group."""

from itertools import pairwise
from typing import Any

from tests.unit.support import CERTIFICATE, Json, of_type, references, the_only

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"
ROLE = "AWS::IAM::Role"


def api_gateway(path: str, region: Any) -> Json:
    """Return the ARN of an API Gateway path as CDK renders it."""
    parts = ["arn:", {"Ref": "AWS::Partition"}, ":apigateway:", region, f"::{path}"]
    return {"Fn::Join": ["", joined(parts)]}


def joined(parts: list[Any]) -> list[Any]:
    """Concatenate adjacent strings, as CDK does in Fn::Join."""
    result: list[Any] = []
    for part in parts:
        if result and isinstance(part, str) and isinstance(result[-1], str):
            result[-1] += part
        else:
            result.append(part)
    return result


def policy(log_group: str, region: Any) -> list[Json]:
    """Return the statements of the function's policy."""
    partition = {"Ref": "AWS::Partition"}
    tags = ["arn:", partition, ":apigateway:", region, "::/tags/arn%3A", partition]
    tags += ["%3Aapigateway%3A", region, "%3A%3A%2Fclientcertificates%2F*"]
    return [
        {
            "Effect": "Allow",
            "Action": ["apigateway:GET", "apigateway:POST"],
            "Resource": api_gateway("/clientcertificates", region),
        },
        {
            "Effect": "Allow",
            "Action": ["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH"],
            "Resource": api_gateway("/clientcertificates/*", region),
        },
        {
            "Effect": "Allow",
            "Action": ["apigateway:DELETE", "apigateway:GET", "apigateway:PUT"],
            "Resource": {"Fn::Join": ["", joined(tags)]},
        },
        {
            "Effect": "Allow",
            "Action": "apigateway:GET",
            "Resource": [
                api_gateway("/apis", region),
                api_gateway("/apis/*/stages", region),
                api_gateway("/restapis", region),
                api_gateway("/restapis/*/stages", region),
            ],
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [log_group, "Arn"]},
        },
    ]


def test_role_has_exactly_these_permissions(ready_made: Json) -> None:
    log_group, _ = the_only(ready_made, LOG_GROUP)
    _, role = the_only(ready_made, ROLE)
    properties = {**role["Properties"]}
    assert properties.pop("Description")
    assert properties == {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "ClientCertificates",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": policy(log_group, {"Ref": "AWS::Region"}),
                },
            }
        ],
    }
    assert not of_type(ready_made, "AWS::IAM::Policy")
    assert not of_type(ready_made, "AWS::IAM::ManagedPolicy")


def test_policy_contains_a_known_region(
    two_stacks: tuple[Json, Json],
) -> None:
    china = two_stacks[1]
    log_group, _ = the_only(china, LOG_GROUP)
    _, role = the_only(china, ROLE)
    [inline] = role["Properties"]["Policies"]
    assert inline["PolicyDocument"]["Statement"] == policy(log_group, "cn-north-1")


def test_function_has_the_default_settings(ready_made: Json) -> None:
    role, _ = the_only(ready_made, ROLE)
    log_group, _ = the_only(ready_made, LOG_GROUP)
    _, function = the_only(ready_made, FUNCTION)
    properties = {**function["Properties"]}
    assert properties.pop("Code").keys() == {"S3Bucket", "S3Key"}
    assert properties.pop("Description")
    assert properties == {
        "Runtime": "python3.13",
        "Architectures": ["x86_64"],
        "MemorySize": 256,
        "Timeout": 300,
        "Handler": "lambda_handler.main.handler",
        "Role": {"Fn::GetAtt": [role, "Arn"]},
        "LoggingConfig": {"LogGroup": {"Ref": log_group}},
    }


def test_log_group_is_unnamed_and_deleted_with_the_stack(ready_made: Json) -> None:
    _, log_group = the_only(ready_made, LOG_GROUP)
    assert log_group == {
        "Type": LOG_GROUP,
        "Properties": {"RetentionInDays": 90},
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
    }


def test_references_order_the_deletion(
    ready_made: Json,
) -> None:
    # CloudFormation deletes a resource before the resources that it refers to.
    chain = [the_only(ready_made, type) for type in (CERTIFICATE, FUNCTION, ROLE, LOG_GROUP)]
    for (_, earlier), (later, _) in pairwise(chain):
        assert later in references(earlier)


def test_each_stack_has_one_function(
    two_stacks: tuple[Json, Json],
) -> None:
    many, china = two_stacks
    function, _ = the_only(many, FUNCTION)
    certificates = of_type(many, CERTIFICATE).values()
    assert [it["Properties"]["ServiceToken"] for it in certificates] == [
        {"Fn::GetAtt": [function, "Arn"]}
    ] * 3
    assert len(of_type(china, FUNCTION)) == len(of_type(china, ROLE)) == 1


def test_stack_contains_only_these_resources(ready_made: Json) -> None:
    types = sorted(resource["Type"] for resource in ready_made["Resources"].values())
    assert types == [ROLE, FUNCTION, LOG_GROUP, CERTIFICATE]
