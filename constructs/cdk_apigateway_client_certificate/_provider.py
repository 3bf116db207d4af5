"""The Lambda functions behind the custom resources, however many certificates a stack has.

One function for certificates and look-ups, and one for rotating certificates, which may do more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from ._handler_code import handler_code
from ._pem_exports import PemExports
from ._version import __version__
from .lambda_handler import contract

_ID: Final = f"{contract.RESOURCE_TYPE}Provider"
_ROTATION_ID: Final = f"{contract.ROTATING_RESOURCE_TYPE}Provider"

_OLDEST_PYTHON: Final = (3, 11)
"""The oldest version of Python that runs the handler: `requires-python` in pyproject.toml."""

_SERVICE_TOKENS: Final[WeakKeyDictionary[cdk.Stack, str]] = WeakKeyDictionary()
"""Those of the stacks so far: to ask CDK for one again takes five calls from Python to Node."""


@dataclass(frozen=True)
class _Options:
    """What `ClientCertificateProvider.configure` sets for both functions of a stack."""

    runtime: lambda_.Runtime | None = None
    architecture: lambda_.Architecture | None = None
    memory_size: int = 256
    log_group: logs.ILogGroup | None = None
    log_retention: logs.RetentionDays | None = None
    vpc: ec2.IVpc | None = None
    vpc_subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] | None = None
    environment_encryption: kms.IKey | None = None


_OPTIONS: Final[WeakKeyDictionary[cdk.Stack, _Options]] = WeakKeyDictionary()
"""Those of the stacks that were configured. `PemExports` holds the stack, so no entry is lost."""


class ClientCertificateProvider:
    """The Lambda function that a stack's certificates share."""

    @staticmethod
    def configure(
        scope: IConstruct,
        *,
        runtime: lambda_.Runtime | None = None,
        architecture: lambda_.Architecture | None = None,
        memory_size: int = 256,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays | None = None,
        role: iam.IRole | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        environment_encryption: kms.IKey | None = None,
    ) -> lambda_.IFunction:
        """Create the function of a stack with other options than the defaults.

        Call it once a stack, before the stack's first certificate. A nested stack has a function
        of its own, and so options of its own. The options have the names that they have in
        `aws_lambda.Function`; docs/how-to/provider.md says what each changes in IAM. All but
        `role` apply to the function of the stack's rotating certificates too.

        Args:
            scope: The stack, or a construct in it.
            runtime: Python 3.11 or newer. Python 3.13 by default.
            architecture: x86_64 by default.
            memory_size: In MiB.
            log_group: Where the function writes its log, instead of a log group of its own.
            log_retention: How long the function's own log group keeps its lines. Three months by
                default.
            role: What the function runs as, instead of a role of its own. It must trust
                `lambda.amazonaws.com`. A policy with the function's permissions is attached to
                it, unless it is immutable: then grant them yourself.
            vpc: Where the function is to run. It must be able to reach API Gateway's control
                plane and Amazon S3 from there; for rotating certificates Systems Manager and
                EventBridge too.
            vpc_subnets: All private subnets by default.
            security_groups: One that allows all outbound traffic by default.
            environment_encryption: Encrypts environment variables. The function has none, so it
                matters only if something else adds one.

        Returns:
            The function, for example for its metrics, its role or its connections.

        Raises:
            ValueError: The function exists already, the runtime cannot run it, or both
                `log_group` and `log_retention` are given.
            RuntimeError: From CDK, for example because `scope` is in no stack, or because
                `vpc_subnets` is given without `vpc`.
        """
        stack = cdk.Stack.of(scope)
        if any(stack.node.try_find_child(id) is not None for id in (_ID, _ROTATION_ID)):
            raise ValueError(
                f"{stack.node.path}: the function of this stack exists already, from an earlier "
                "call or because of a certificate: call ClientCertificateProvider.configure once, "
                "before the stack's first certificate"
            )
        if log_group is not None and log_retention is not None:
            raise ValueError(
                f"{stack.node.path}: log_retention {log_retention.name} would not change log "
                f"group {log_group.node.path!r}, whose retention is set where it is created: give "
                "either log_group or log_retention"
            )
        if runtime is not None:
            _check_runtime(stack, runtime)
        _OPTIONS[stack] = _Options(
            runtime=runtime,
            architecture=architecture,
            memory_size=memory_size,
            log_group=log_group,
            log_retention=log_retention,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            security_groups=security_groups,
            environment_encryption=environment_encryption,
        )
        return _create_certificate_function(stack, role)


def get_or_create_service_token(stack: cdk.Stack) -> str:
    """Return the ARN of a stack's function, and create the function if there is none."""
    if stack not in _SERVICE_TOKENS:
        _SERVICE_TOKENS[stack] = get_or_create_function(stack).function_arn
    return _SERVICE_TOKENS[stack]


def get_or_create_function(stack: cdk.Stack) -> lambda_.IFunction:
    """Return a stack's function, and create it if there is none."""
    # Found as a plain construct: jsii does not keep the Python side of an object alive.
    provider = stack.node.try_find_child(_ID)
    if provider is None:
        return _create_certificate_function(stack)
    function = provider.node.find_child("Function")
    assert isinstance(function, lambda_.Function)
    return function


def get_or_create_rotation_function(stack: cdk.Stack) -> lambda_.Function:
    """Return the function of a stack's rotating certificates, and create it if there is none.

    Its role may do what is the same for all of them. `_rotation` adds the rest.
    """
    provider = stack.node.try_find_child(_ROTATION_ID)
    if provider is not None:
        function = provider.node.find_child("Function")
        assert isinstance(function, lambda_.Function)
        return function
    bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
    return _create_function(
        stack,
        _ROTATION_ID,
        None,
        [
            *_statements(stack),
            iam.PolicyStatement(actions=["events:PutEvents"], resources=[bus]),
        ],
        purpose="rotates API Gateway client certificates",
        role_description="Lets the function rotate API Gateway client certificates",
    )


def _create_certificate_function(
    stack: cdk.Stack, role: iam.IRole | None = None
) -> lambda_.Function:
    return _create_function(
        stack,
        _ID,
        role,
        _statements(stack),
        purpose="issues, updates and deletes API Gateway client certificates",
        role_description="Lets the function manage this Region's API Gateway client certificates",
    )


def _create_function(
    stack: cdk.Stack,
    id: str,
    role: iam.IRole | None,
    statements: Sequence[iam.PolicyStatement],
    *,
    purpose: str,
    role_description: str,
) -> lambda_.Function:
    """Create a function with its log group and, unless one is given, its role."""
    options = _OPTIONS.get(stack, _Options())
    provider = Construct(stack, id)
    if len([it for it in (_ID, _ROTATION_ID) if stack.node.try_find_child(it)]) == 1:
        provider.node.add_validation(PemExports(stack))
    log_group = options.log_group or logs.LogGroup(
        provider,
        "LogGroup",
        retention=options.log_retention or logs.RetentionDays.THREE_MONTHS,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    # Whatever its role, the function depends on its policies, and they on the log group. So a
    # destroy deletes certificates, function, policies and log group in this order, and the
    # function keeps its permissions to the end.
    policy = iam.PolicyDocument(statements=[*statements, _log_statement(log_group)])
    function = lambda_.Function(
        provider,
        "Function",
        description=f"cdk-apigateway-client-certificate {__version__}: {purpose}",
        runtime=options.runtime or lambda_.Runtime.PYTHON_3_13,
        architecture=options.architecture or lambda_.Architecture.X86_64,
        memory_size=options.memory_size,
        timeout=cdk.Duration.seconds(contract.FUNCTION_TIMEOUT_SECONDS),
        handler=contract.HANDLER,
        code=handler_code(),
        role=role or _create_role(provider, role_description, policy),
        log_group=log_group,
        vpc=options.vpc,
        vpc_subnets=options.vpc_subnets,
        security_groups=options.security_groups,
        environment_encryption=options.environment_encryption,
    )
    if role is not None:
        _attach_policy(provider, "ClientCertificates", function, policy)
    # Not `if vpc`: a property injector may have set one.
    if function.is_bound_to_vpc:
        policy = _network_interface_policy(stack, shared=role is not None)
        _attach_policy(provider, "NetworkInterfaces", function, policy)
    if options.vpc is not None:
        # Its endpoints and routes have to be there as long as the function answers.
        function.node.add_dependency(options.vpc, *(options.security_groups or []))
    return function


def _check_runtime(stack: cdk.Stack, runtime: lambda_.Runtime) -> None:
    version = re.fullmatch(r"python(\d+)\.(\d+)", runtime.name)
    if version is None or tuple(map(int, version.groups())) < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        raise ValueError(
            f"{stack.node.path}: runtime {runtime.name!r} cannot run the function, which needs "
            f"Python {oldest} or newer: use Runtime.PYTHON_3_13, or leave runtime out"
        )


def _create_role(provider: Construct, description: str, policy: iam.PolicyDocument) -> iam.Role:
    return iam.Role(
        provider,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
        inline_policies={"ClientCertificates": policy},
    )


def _attach_policy(
    provider: Construct, id: str, function: lambda_.Function, document: iam.PolicyDocument
) -> None:
    """Attach a policy to the function's role, unless the role is immutable.

    A policy of the provider's own: what is added to a role of another stack would make that stack
    depend on this one, which already depends on it.
    """
    assert function.role is not None
    # A name of CDK's would be the same in other stacks and Regions. There it could be attached to
    # the same role, and one policy would overwrite the other.
    stack_uuid = cdk.Fn.select(2, cdk.Fn.split("/", cdk.Stack.of(provider).stack_id))
    policy = iam.Policy(provider, id, policy_name=f"{id}-{stack_uuid}", document=document)
    function.role.attach_inline_policy(policy)
    function.node.add_dependency(policy)


def _statements(stack: cdk.Stack) -> list[iam.PolicyStatement]:
    """Return what both functions may do: API Gateway's actions are verbs, its resources paths.

    A `*` stands only for an identifier that is not known before the deploy. IAM has no narrower
    form: its `*` matches `/` too, but API Gateway has no paths below these.
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

    return [
        allow("GET POST", "/clientcertificates"),
        allow("DELETE GET PATCH", "/clientcertificates/*"),
        allow("DELETE GET PUT", tags),
        # To name the stages that prevent the deletion of a certificate.
        allow("GET", "/apis", "/apis/*/stages", "/restapis", "/restapis/*/stages"),
    ]


def _log_statement(log_group: logs.ILogGroup) -> iam.PolicyStatement:
    # Not CreateLogGroup: a late log line must not recreate a deleted log group.
    return iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )


_CHANGE_NETWORK_INTERFACES: Final = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]
_DESCRIBE_NETWORK: Final = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]


def _network_interface_policy(stack: cdk.Stack, *, shared: bool) -> iam.PolicyDocument:
    """What Lambda needs of the role to connect the function to a VPC, but the code does not.

    The managed policy `AWSLambdaVPCAccessExecutionRole` without its permissions for logs, in this
    Region only. EC2 has no narrower resources for the Describe actions, and Lambda refuses a role
    whose `ec2:DeleteNetworkInterface` is for `network-interface/*` alone. Any account, since the
    subnets may be shared by another one. Source: Lambda developer guide, "configuration-vpc".

    Args:
        stack: The function's.
        shared: Whether other functions may use the role: then nothing is denied to their code.
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
        # A source function is in the credentials of a function's code, not in those that Lambda
        # itself uses. Any function's, since the role is needed before this function has an ARN.
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
