"""The Lambda function behind the custom resources: one a stack, however many certificates."""

from typing import Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct, IValidation

from ._handler_code import handler_code
from .lambda_handler import contract

_ID: Final = f"{contract.RESOURCE_TYPE}Provider"


def service_token(scope: IConstruct) -> str:
    """The ARN of the function of `scope`'s stack, which is made at the first call."""
    stack = cdk.Stack.of(scope)
    # Found as a plain construct: jsii does not keep the Python side of an object alive.
    provider = stack.node.try_find_child(_ID)
    if provider is not None:
        return _function_of(provider).function_arn
    made = Construct(stack, _ID)
    made.node.add_validation(_PemExports(stack))
    return _add_function(made).function_arn


def _function_of(provider: IConstruct) -> lambda_.Function:
    function = provider.node.find_child("Function")
    assert isinstance(function, lambda_.Function)
    return function


def _add_function(provider: Construct) -> lambda_.Function:
    """The function, its role and its log group.

    The function refers to its role, and the role's policy to the log group: so a destroy deletes
    certificates, function, role and log group in this order, and each still has what it needs.
    """
    log_group = logs.LogGroup(
        provider,
        "LogGroup",
        retention=logs.RetentionDays.THREE_MONTHS,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    role = iam.Role(
        provider,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description="Lets the function manage this Region's API Gateway client certificates",
        inline_policies={"ClientCertificates": _policy(cdk.Stack.of(provider), log_group)},
    )
    return lambda_.Function(
        provider,
        "Function",
        description="Issues, updates and deletes API Gateway client certificates",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.X86_64,
        memory_size=256,
        timeout=cdk.Duration.seconds(contract.FUNCTION_TIMEOUT_SECONDS),
        handler=contract.HANDLER,
        code=handler_code(),
        role=role,
        log_group=log_group,
    )


def _policy(stack: cdk.Stack, log_group: logs.LogGroup) -> iam.PolicyDocument:
    """What the function may do, as API Gateway's verbs on paths.

    A `*` stands only for an identifier that is not known before the deploy. IAM has no narrower
    form: its `*` matches `/` as well, but API Gateway has no paths below these.
    """
    partition, region = stack.partition, stack.region
    prefix = f"arn:{partition}:apigateway:{region}::"
    # API Gateway authorizes tag calls on the URL-encoded ARN of what is tagged. Not `/tags/*`: it
    # would let the function retag every API of the account.
    tags = f"/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fclientcertificates%2F*"

    def allow(verbs: str, *paths: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=[f"apigateway:{verb}" for verb in verbs.split()],
            resources=[prefix + path for path in paths],
        )

    return iam.PolicyDocument(
        statements=[
            allow("GET POST", "/clientcertificates"),
            allow("DELETE GET PATCH", "/clientcertificates/*"),
            allow("DELETE GET PUT", tags),
            # To name the stage that keeps a certificate from being deleted.
            allow("GET", "/apis", "/apis/*/stages", "/restapis", "/restapis/*/stages"),
            # Not CreateLogGroup: a line that comes late must not bring a deleted log group back.
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            ),
        ]
    )


@jsii.implements(IValidation)
class _PemExports:
    """Warns of outputs that synthesize well and fail at deploy: a PEM is longer than an export."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack

    def validate(self) -> list[str]:
        # Of a nested stack's PEM, it is the parents that make an export.
        outermost = self._stack
        while outermost.nested_stack_parent is not None:
            outermost = outermost.nested_stack_parent
        for output in outermost.node.find_all():
            if isinstance(output, cdk.CfnOutput) and output.export_name and _is_pem(output):
                cdk.Annotations.of(output).add_warning_v2(
                    "cdk-apigateway-client-certificate:pemExport",
                    f"export {output.export_name!r} is a PEM, which is longer than the 1,024 "
                    f"characters that CloudFormation exports: {_instead_of(output)}",
                )
        return []


def _is_pem(output: cdk.CfnOutput) -> bool:
    value = cdk.Stack.of(output).resolve(output.value)
    attribute = value.get("Fn::GetAtt", [""])[-1] if isinstance(value, dict) else ""
    return str(attribute).endswith(contract.Attribute.PEM)


def _instead_of(output: cdk.CfnOutput) -> str:
    if output.node.scope is not None and output.node.scope.node.id == "Exports":  # CDK's own
        return (
            "what leaves a nested stack is referred to strongly; use publish_to_parameter, or call "
            "CrossStackReferences.of(nested.nested_stack_resource).produce(ReferenceStrength.WEAK)"
        )
    return "leave export_name out; other stacks of the app can use pem_encoded_certificate as it is"
