"""What the roles of the functions may do, whatever certificates a stack has."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

_CHANGE_NETWORK_INTERFACES: Final = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]
_DESCRIBE_NETWORK: Final = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]


def common_statements(stack: cdk.Stack) -> list[iam.PolicyStatement]:
    """Return the statements that both functions need.

    API Gateway's IAM actions are HTTP verbs, and its resources are paths. Each `*` stands for an ID
    that is not known before the deploy. IAM has no narrower form: its `*` matches `/` too, but API
    Gateway has no paths below these.
    """
    partition, region = stack.partition, stack.region
    prefix = f"arn:{partition}:apigateway:{region}::"
    # API Gateway authorizes tag calls on the URL-encoded ARN of the tagged resource. `/tags/*`
    # would let the function change the tags of every API in the account.
    tags = f"/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fclientcertificates%2F*"

    def allow(verbs: str, *paths: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=[f"apigateway:{verb}" for verb in verbs.split()],
            resources=[prefix + path for path in paths],
        )

    return [
        allow("GET POST", "/clientcertificates"),
        allow("DELETE GET PATCH", "/clientcertificates/*"),
        allow("DELETE GET PUT", tags),
        # To name the stages that prevent the deletion of a certificate.
        allow("GET", "/apis", "/apis/*/stages", "/restapis", "/restapis/*/stages"),
    ]


def log_statement(log_group: logs.ILogGroup) -> iam.PolicyStatement:
    """Return what lets a function write to its log group."""
    # Not CreateLogGroup: a late log line must not recreate a deleted log group.
    return iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )


def network_interface_policy(stack: cdk.Stack, *, shared: bool) -> iam.PolicyDocument:
    """Return what Lambda, but not the function's code, needs to connect the function to a VPC.

    It is the managed policy `AWSLambdaVPCAccessExecutionRole` without its permissions for logs, and
    for this Region only. EC2 has no narrower resources for the Describe actions, and Lambda refuses
    a role whose `ec2:DeleteNetworkInterface` is for `network-interface/*` alone. It is for any
    account, since another one may share its subnets. Source: Lambda developer guide,
    "configuration-vpc".

    Args:
        stack: The function's stack.
        shared: Whether other functions may use the role. If so, their code is not denied anything.
    """
    prefix = f"arn:{stack.partition}"
    policy = iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                actions=_CHANGE_NETWORK_INTERFACES,
                resources=[f"{prefix}:ec2:{stack.region}:*:*/*"],
            ),
            iam.PolicyStatement(actions=_DESCRIBE_NETWORK, resources=["*"]),
        ]
    )
    if not shared:
        # Only the credentials of a function's code have a source function; those that Lambda itself
        # uses have none. It is any function, because the role is needed before this one has an ARN.
        functions = f"{prefix}:lambda:{stack.region}:{stack.account}:function:*"
        policy.add_statements(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=_CHANGE_NETWORK_INTERFACES + _DESCRIBE_NETWORK,
                resources=["*"],
                conditions={"ArnLike": {"lambda:SourceFunctionArn": functions}},
            )
        )
    return policy
