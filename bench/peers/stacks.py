"""Create `count` equal certificates in a stack, by each means that CDK has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk

from bench.peers import DESCRIPTION, TAG_LIST, TAGS

_HERE: Final = Path(__file__).parent

# Each function has its own imports, so that no synthesis includes those of another one.


def ours(stack: cdk.Stack, count: int) -> None:
    """Create this construct."""
    from cdk_apigateway_client_certificate import ClientCertificate

    for number in range(count):
        ClientCertificate(stack, f"Certificate{number}", description=DESCRIPTION, tags=TAGS)


def native(stack: cdk.Stack, count: int) -> None:
    """Create L1s, which do not return the PEM."""
    from aws_cdk import aws_apigateway as apigateway

    tags = [cdk.CfnTag(key=key, value=value) for key, value in TAGS.items()]
    for number in range(count):
        apigateway.CfnClientCertificate(
            stack, f"Certificate{number}", description=DESCRIPTION, tags=tags
        )


def bare(stack: cdk.Stack, count: int) -> None:
    """Create a function, its log group, and custom resources without a construct around them."""
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(_HERE / "plain_crhelper")),
        log_group=logs.LogGroup(stack, "LogGroup"),
    )
    _custom_resources(stack, count, function.function_arn)


def provider(stack: cdk.Stack, count: int) -> None:
    """Create custom resources with CDK's `Provider` framework around a Python function."""
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import custom_resources

    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(_HERE / "provider_function")),
    )
    function.add_to_role_policy(_permissions(iam))
    framework = custom_resources.Provider(stack, "Provider", on_event_handler=function)
    _custom_resources(stack, count, framework.service_token)


def aws_custom_resource(stack: cdk.Stack, count: int) -> None:
    """Create `AwsCustomResource`s, which make one API call per request, in Node.js."""
    from aws_cdk import aws_iam as iam
    from aws_cdk import custom_resources as cr

    for number in range(count):
        cr.AwsCustomResource(
            stack,
            f"Certificate{number}",
            on_create=cr.AwsSdkCall(
                service="api-gateway",
                action="GenerateClientCertificate",
                parameters={"description": DESCRIPTION, "tags": TAGS},
                physical_resource_id=cr.PhysicalResourceId.from_response("clientCertificateId"),
            ),
            on_delete=cr.AwsSdkCall(
                service="api-gateway",
                action="DeleteClientCertificate",
                parameters={"clientCertificateId": cr.PhysicalResourceIdReference()},
            ),
            policy=cr.AwsCustomResourcePolicy.from_statements([_permissions(iam)]),
            install_latest_aws_sdk=False,
        )


BY_NAME: Final[dict[str, Callable[[cdk.Stack, int], None]]] = {
    create.__name__: create for create in (ours, native, bare, provider, aws_custom_resource)
}


def _custom_resources(stack: cdk.Stack, count: int, service_token: str) -> None:
    for number in range(count):
        cdk.CustomResource(
            stack,
            f"Certificate{number}",
            service_token=service_token,
            properties={"Description": DESCRIPTION, "Tags": TAG_LIST},
        )


def _permissions(iam: Any) -> Any:
    return iam.PolicyStatement(
        actions=["apigateway:POST", "apigateway:DELETE", "apigateway:PUT"], resources=["*"]
    )
