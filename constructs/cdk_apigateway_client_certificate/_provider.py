"""The Lambda functions behind the custom resources: at most two a stack.

All certificates and look-ups of a stack share one, and its rotating certificates share another,
which has more permissions.
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
from ._permissions import common_statements, log_statement, network_interface_policy
from ._version import __version__
from .lambda_handler import contract

_ID: Final = f"{contract.RESOURCE_TYPE}Provider"
_ROTATION_ID: Final = f"{contract.ROTATING_RESOURCE_TYPE}Provider"

_OLDEST_PYTHON: Final = (3, 11)
"""The oldest version of Python that runs the handler: `requires-python` in pyproject.toml."""

_SERVICE_TOKENS: Final[WeakKeyDictionary[cdk.Stack, str]] = WeakKeyDictionary()
"""By stack, because each look-up in CDK takes five calls from Python to Node."""


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
"""By stack, for the stacks that were configured. `PemExports` keeps the stacks alive."""


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
    # Looked up in the construct tree: jsii does not keep Python objects alive.
    provider = stack.node.try_find_child(_ID)
    if provider is None:
        return _create_certificate_function(stack)
    function = provider.node.find_child("Function")
    assert isinstance(function, lambda_.Function)
    return function


def get_or_create_rotation_function(stack: cdk.Stack) -> lambda_.Function:
    """Return the function of a stack's rotating certificates, and create it if there is none.

    Its role has the permissions that do not depend on a certificate. `_rotation` adds the rest.
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
            *common_statements(stack),
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
        common_statements(stack),
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
    # Whatever its role, the function depends on its policies, and they depend on the log group.
    # A destroy therefore deletes certificates, function, policies and log group in this order, and
    # the function has its permissions until it is deleted.
    policy = iam.PolicyDocument(statements=[*statements, log_statement(log_group)])
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
        policy = network_interface_policy(stack, shared=role is not None)
        _attach_policy(provider, "NetworkInterfaces", function, policy)
    if options.vpc is not None:
        # The function needs the VPC's endpoints and routes for as long as it exists.
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

    The policy is created in the provider. CDK would add statements to a policy in the role's
    stack, and make that stack depend on this one, which already depends on it.
    """
    assert function.role is not None
    # The name that CDK generates could be the same in another stack or Region that uses the same
    # role, and one policy would overwrite the other.
    stack_uuid = cdk.Fn.select(2, cdk.Fn.split("/", cdk.Stack.of(provider).stack_id))
    policy = iam.Policy(provider, id, policy_name=f"{id}-{stack_uuid}", document=document)
    function.role.attach_inline_policy(policy)
    function.node.add_dependency(policy)
