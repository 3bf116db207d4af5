"""Test `ClientCertificateProvider.configure`, and other ways to change the function."""

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Match, Template
from constructs import IConstruct

from cdk_apigateway_client_certificate import ClientCertificate, ClientCertificateProvider
from cdk_apigateway_client_certificate._provider import _OLDEST_PYTHON
from tests.unit.support import CERTIFICATE, Json, existing_vpc, of_type, references, the_only

ROOT = Path(__file__).parents[2]

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"
POLICY = "AWS::IAM::Policy"
ROLE = "AWS::IAM::Role"

LAMBDA = "lambda.amazonaws.com"
ROLE_ARN = "arn:aws:iam::111111111111:role/path/to/functions"
BOUNDARY = "arn:aws:iam::111111111111:policy/boundary"


def synthesize(stack: cdk.Stack) -> Json:
    """Return the template of the stack with a certificate added."""
    ClientCertificate(stack, "Certificate")
    return Template.from_stack(stack).to_json()


def function_of(template: Json) -> Json:
    """Return the properties of the only function."""
    _, function = the_only(template, FUNCTION)
    properties: Json = function["Properties"]
    return properties


def own_statements(stack: cdk.Stack) -> list[Json]:
    """Return the statements of the default role, without the one for its log group."""
    _, role = the_only(synthesize(stack), ROLE)
    [inline] = role["Properties"]["Policies"]
    statements: list[Json] = inline["PolicyDocument"]["Statement"]
    return statements[:-1]


# Calling configure


def test_configure_without_options_changes_nothing(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(stack)
    assert synthesize(stack) == synthesize(cdk.Stack(cdk.App(), "Stack"))


def test_sets_runtime_architecture_and_memory(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(
        stack,
        runtime=lambda_.Runtime.PYTHON_3_12,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=1024,
    )
    function = function_of(synthesize(stack))
    assert function["Runtime"] == "python3.12"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == 1024


def test_returns_the_function(stack: cdk.Stack) -> None:
    function = ClientCertificateProvider.configure(stack)
    template = synthesize(stack)
    id, _ = the_only(template, FUNCTION)
    assert stack.resolve(function.function_arn) == {"Fn::GetAtt": [id, "Arn"]}
    _, certificate = the_only(template, CERTIFICATE)
    assert certificate["Properties"]["ServiceToken"] == {"Fn::GetAtt": [id, "Arn"]}


def test_configures_the_stack_of_a_construct(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(iam.User(stack, "Team"), memory_size=512)
    assert function_of(synthesize(stack))["MemorySize"] == 512


@pytest.mark.parametrize(
    "earlier",
    [
        lambda stack: ClientCertificate(stack, "Certificate"),
        lambda stack: ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123"),
        ClientCertificateProvider.configure,
    ],
    ids=["certificate", "look-up", "call"],
)
def test_refuses_to_configure_an_existing_function(
    stack: cdk.Stack, earlier: Callable[[cdk.Stack], object]
) -> None:
    earlier(stack)
    with pytest.raises(ValueError, match="the function of this stack exists already") as error:
        ClientCertificateProvider.configure(stack, memory_size=512)
    assert str(error.value).startswith("Stack: ")
    assert "once, before the stack's first certificate" in str(error.value)


def test_refuses_an_app(app: cdk.App) -> None:
    with pytest.raises(RuntimeError, match="no Stack found"):
        ClientCertificateProvider.configure(app)


def test_nested_stack_has_its_own_options(stack: cdk.Stack) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    ClientCertificateProvider.configure(nested, memory_size=512)
    ClientCertificate(nested, "Certificate")
    outer, inner = synthesize(stack), Template.from_stack(nested).to_json()
    assert function_of(outer)["MemorySize"] == 256
    assert function_of(inner)["MemorySize"] == 512


def test_app_stages_have_their_own_options(app: cdk.App) -> None:
    sizes = {}
    for name, memory_size in {"Test": 128, "Prod": 512}.items():
        stack = cdk.Stack(cdk.Stage(app, name), "Stack")
        ClientCertificateProvider.configure(stack, memory_size=memory_size)
        sizes[name] = function_of(synthesize(stack))["MemorySize"]
    assert sizes == {"Test": 128, "Prod": 512}


# Runtime


@pytest.mark.parametrize(
    "runtime",
    [
        lambda_.Runtime("python3.9"),
        lambda_.Runtime.PYTHON_3_10,
        lambda_.Runtime.NODEJS_22_X,
        lambda_.Runtime.FROM_IMAGE,
    ],
    ids=lambda runtime: runtime.name,
)
def test_refuses_a_runtime_that_cannot_run_the_handler(
    stack: cdk.Stack, runtime: lambda_.Runtime
) -> None:
    with pytest.raises(ValueError, match=r"needs Python 3\.11 or newer") as error:
        ClientCertificateProvider.configure(stack, runtime=runtime)
    assert str(error.value).startswith(f"Stack: runtime {runtime.name!r} cannot run the function")
    assert stack.node.children == []


CONFIGURE = """
import sys
import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_apigateway_client_certificate import ClientCertificateProvider

stack = cdk.Stack(cdk.App(), "Stack")
ClientCertificateProvider.configure(stack, runtime=lambda_.Runtime(sys.argv[1]))
functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
print([function["Properties"]["Runtime"] for function in functions.values()])
"""


@pytest.mark.parametrize("name", ["python3.11", "python3.20"])
def test_accepts_a_runtime_unknown_to_this_cdk_version(name: str) -> None:
    """Run in a separate process: CDK and cdk-nag remember each runtime that they see."""
    command = [sys.executable, "-c", CONFIGURE, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"['{name}']"


def test_oldest_runtime_matches_requires_python() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">={'.'.join(map(str, _OLDEST_PYTHON))}"


# Logs


def test_sets_log_retention(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(stack, log_retention=logs.RetentionDays.ONE_YEAR)
    template = synthesize(stack)
    _, log_group = the_only(template, LOG_GROUP)
    assert log_group["Properties"] == {"RetentionInDays": 365}
    assert len(template["Resources"]) == len(["certificate", "function", "role", "log group"])


def test_refuses_retention_of_an_existing_log_group(stack: cdk.Stack) -> None:
    log_group = logs.LogGroup(stack, "LogGroup")
    with pytest.raises(ValueError, match="give either log_group or log_retention") as error:
        ClientCertificateProvider.configure(
            stack, log_group=log_group, log_retention=logs.RetentionDays.ONE_YEAR
        )
    assert "log_retention ONE_YEAR would not change log group 'Stack/LogGroup'" in str(error.value)


def test_role_can_write_only_to_the_given_log_group(stack: cdk.Stack) -> None:
    log_group = logs.LogGroup(stack, "LogGroup", encryption_key=kms.Key(stack, "Key"))
    ClientCertificateProvider.configure(stack, log_group=log_group)
    template = synthesize(stack)
    id, _ = the_only(template, LOG_GROUP)
    assert function_of(template)["LoggingConfig"] == {"LogGroup": {"Ref": id}}
    _, role = the_only(template, ROLE)
    [inline] = role["Properties"]["Policies"]
    assert inline["PolicyDocument"]["Statement"][-1] == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": {"Fn::GetAtt": [id, "Arn"]},
    }
    # CloudWatch Logs uses the key, not the function, so the role needs no KMS permission.
    assert not [action for action in actions(template) if action.startswith("kms:")]


def test_uses_an_imported_log_group(stack: cdk.Stack) -> None:
    log_group = logs.LogGroup.from_log_group_name(stack, "LogGroup", "/central/functions")
    ClientCertificateProvider.configure(stack, log_group=log_group)
    template = synthesize(stack)
    assert function_of(template)["LoggingConfig"] == {"LogGroup": "/central/functions"}
    assert not of_type(template, LOG_GROUP)


def actions(template: Json) -> set[str]:
    """Return every action that a role or policy of the template names."""
    documents = [
        policy["PolicyDocument"]
        for role in of_type(template, ROLE).values()
        for policy in role["Properties"].get("Policies", [])
    ] + [policy["Properties"]["PolicyDocument"] for policy in of_type(template, POLICY).values()]
    found: set[str] = set()
    for document in documents:
        for statement in document["Statement"]:
            action = statement["Action"]
            found.update([action] if isinstance(action, str) else action)
    return found


# Role


def role_of_the_stack(stack: cdk.Stack) -> iam.IRole:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal(LAMBDA))


def imported_role(stack: cdk.Stack) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "Role", ROLE_ARN)


def role_of_another_stack(stack: cdk.Stack) -> iam.IRole:
    return role_of_the_stack(cdk.Stack(cdk.Stage.of(stack), "Other"))


@pytest.mark.parametrize("create", [role_of_the_stack, imported_role, role_of_another_stack])
def test_attaches_a_policy_to_a_mutable_role(
    stack: cdk.Stack, create: Callable[[cdk.Stack], iam.IRole]
) -> None:
    role = create(stack)
    ClientCertificateProvider.configure(stack, role=role)
    template = synthesize(stack)
    assert function_of(template)["Role"] == stack.resolve(role.role_arn)
    id, policy = the_only(template, POLICY)
    assert policy["Properties"]["Roles"] == [stack.resolve(role.role_name)]
    *statements, to_log = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statements == own_statements(cdk.Stack(cdk.App(), "Plain"))
    log_group, _ = the_only(template, LOG_GROUP)
    assert to_log["Resource"] == {"Fn::GetAtt": [log_group, "Arn"]}
    # The policy is created before the function and deleted after it.
    _, function = the_only(template, FUNCTION)
    assert id in function["DependsOn"]
    assert len(of_type(template, ROLE)) == (create is role_of_the_stack)


def test_stacks_can_share_a_role(app: cdk.App) -> None:
    """Policy names must differ, or CloudFormation would overwrite another stack's policy."""
    stacks = [cdk.Stack(app, id) for id in ("First", "Second")]
    for stack in stacks:
        ClientCertificateProvider.configure(stack, role=imported_role(stack))
    for stack in stacks:
        _, policy = the_only(Template.from_stack(stack).to_json(), POLICY)
        uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
        assert policy["Properties"]["PolicyName"] == {
            "Fn::Join": ["", ["ClientCertificates-", uuid]]
        }


@pytest.mark.parametrize(
    "create",
    [
        lambda stack: iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False),
        lambda stack: role_of_the_stack(stack).without_policy_updates(),
    ],
    ids=["imported", "without policy updates"],
)
def test_does_not_change_an_immutable_role(
    stack: cdk.Stack, create: Callable[[cdk.Stack], iam.IRole]
) -> None:
    role = create(stack)
    ClientCertificateProvider.configure(stack, role=role, vpc=existing_vpc(stack))
    template = synthesize(stack)
    assert function_of(template)["Role"] == stack.resolve(role.role_arn)
    assert not of_type(template, POLICY)
    assert actions(template) == set()


# VPC


def test_vpc_grants_network_permissions_to_lambda_but_not_the_code(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(
        stack,
        vpc=existing_vpc(stack),
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-01234567")],
    )
    template = synthesize(stack)
    assert function_of(template)["VpcConfig"] == {
        "SubnetIds": ["subnet-01234567"],
        "SecurityGroupIds": ["sg-01234567"],
    }
    id, policy = the_only(template, POLICY)
    role, _ = the_only(template, ROLE)
    assert policy["Properties"]["Roles"] == [{"Ref": role}]
    change = ["AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface"]
    change = [f"ec2:{action}" for action in [*change, "UnassignPrivateIpAddresses"]]
    describe = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    partition, region = {"Ref": "AWS::Partition"}, {"Ref": "AWS::Region"}
    in_region = ["arn:", partition, ":ec2:", region, ":*:*/*"]
    functions = ["arn:", partition, ":lambda:", region, ":", {"Ref": "AWS::AccountId"}]
    assert policy["Properties"]["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": change, "Resource": {"Fn::Join": ["", in_region]}},
        {"Effect": "Allow", "Action": describe, "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": change + describe,
            "Resource": "*",
            "Condition": {
                "ArnLike": {
                    "lambda:SourceFunctionArn": {"Fn::Join": ["", [*functions, ":function:*"]]}
                }
            },
        },
    ]
    _, function = the_only(template, FUNCTION)
    assert id in function["DependsOn"]


def test_vpc_adds_no_deny_statement_to_a_given_role(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(
        stack, role=role_of_the_stack(stack), vpc=existing_vpc(stack)
    )
    template = synthesize(stack)
    policies = of_type(template, POLICY).values()
    assert len(policies) == 2
    statements = [it for p in policies for it in p["Properties"]["PolicyDocument"]["Statement"]]
    assert {it["Effect"] for it in statements} == {"Allow"}
    assert "ec2:CreateNetworkInterface" in actions(template)


def test_vpc_is_deleted_after_the_function(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc, allow_all_outbound=False)
    group.connections.allow_to(ec2.Peer.prefix_list("pl-1"), ec2.Port.tcp(443))
    other = ec2.SecurityGroup(stack, "Other", vpc=vpc)
    group.connections.allow_to(other, ec2.Port.tcp(443))
    ClientCertificateProvider.configure(stack, vpc=vpc, security_groups=[group])
    template = synthesize(stack)
    _, function = the_only(template, FUNCTION)
    needed = {"AWS::EC2::NatGateway", "AWS::EC2::Route", "AWS::EC2::VPCEndpoint"}
    needed |= {"AWS::EC2::SecurityGroupEgress"}
    waits_for = {template["Resources"][id]["Type"] for id in references(function)}
    assert needed <= waits_for


def test_refuses_security_groups_and_subnets_without_a_vpc(stack: cdk.Stack) -> None:
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-01234567")
    with pytest.raises(RuntimeError, match="'securityGroups' without configuring a VPC"):
        ClientCertificateProvider.configure(stack, security_groups=[group])
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    other = cdk.Stack(cdk.Stage.of(stack), "Other")
    with pytest.raises(RuntimeError, match="'vpcSubnets' without configuring a VPC"):
        ClientCertificateProvider.configure(other, vpc_subnets=subnets)


def test_refuses_public_subnets(stack: cdk.Stack) -> None:
    with pytest.raises(RuntimeError, match="in a public subnet can NOT access the internet"):
        ClientCertificateProvider.configure(
            stack,
            vpc=existing_vpc(stack),
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        )


# Environment encryption


def test_environment_key_grants_no_permissions(stack: cdk.Stack) -> None:
    key = kms.Key(stack, "Key")
    ClientCertificateProvider.configure(stack, environment_encryption=key)
    template = synthesize(stack)
    function = function_of(template)
    assert function["KmsKeyArn"] == stack.resolve(key.key_arn)
    assert "Environment" not in function
    assert not [action for action in actions(template) if action.startswith("kms:")]


# Permissions boundaries, aspects and property injectors


def test_role_gets_the_apps_permissions_boundary(app: cdk.App, stack: cdk.Stack) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", BOUNDARY)
    iam.PermissionsBoundary.of(app).apply(boundary)
    _, role = the_only(synthesize(stack), ROLE)
    assert role["Properties"]["PermissionsBoundary"] == BOUNDARY


def test_role_gets_the_stacks_permissions_boundary(app: cdk.App) -> None:
    boundary = cdk.PermissionsBoundary.from_arn(BOUNDARY)
    stack = cdk.Stack(app, "Bounded", permissions_boundary=boundary)
    _, role = the_only(synthesize(stack), ROLE)
    assert role["Properties"]["PermissionsBoundary"] == BOUNDARY


def test_role_keeps_its_permissions_boundary(stack: cdk.Stack) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", BOUNDARY)
    role = iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal(LAMBDA),
        permissions_boundary=boundary,
    )
    ClientCertificateProvider.configure(stack, role=role)
    template = synthesize(stack)
    _, found = the_only(template, ROLE)
    assert found["Properties"]["PermissionsBoundary"] == BOUNDARY
    assert of_type(template, POLICY)


@jsii.implements(cdk.IAspect)
class SetMemoryAndRetention:
    """An aspect that a company might apply to all of its stacks."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, lambda_.CfnFunction):
            node.memory_size = 1024
        if isinstance(node, logs.CfnLogGroup):
            node.retention_in_days = 731


def test_aspects_change_memory_and_retention(app: cdk.App, stack: cdk.Stack) -> None:
    cdk.Aspects.of(app).add(SetMemoryAndRetention())
    ClientCertificateProvider.configure(stack, memory_size=512)
    template = synthesize(stack)
    assert function_of(template)["MemorySize"] == 1024
    _, log_group = the_only(template, LOG_GROUP)
    assert log_group["Properties"]["RetentionInDays"] == 731


def test_tags_reach_function_role_and_log_group(app: cdk.App, stack: cdk.Stack) -> None:
    cdk.Tags.of(app).add("team", "edge")
    ClientCertificateProvider.configure(stack, memory_size=512)
    template = synthesize(stack)
    for type in (FUNCTION, ROLE, LOG_GROUP):
        _, resource = the_only(template, type)
        assert resource["Properties"]["Tags"] == [{"Key": "team", "Value": "edge"}]


@jsii.implements(cdk.IPropertyInjector)
class Injector:
    """Adds properties to every construct of a class."""

    def __init__(self, construct: Any, **properties: Any) -> None:
        self._id = str(construct.PROPERTY_INJECTION_ID)
        self._properties = properties

    @property
    def construct_unique_id(self) -> str:
        return self._id

    def inject(self, original_props: Any, _context: cdk.InjectionContext) -> Any:
        return {**original_props, **self._properties}


def injector(construct: Any, **properties: Any) -> Any:
    """Return an injector typed as Any: jsii's protocol names the parameter differently."""
    return Injector(construct, **properties)


def test_injects_properties_of_function_log_group_and_role(app: cdk.App, stack: cdk.Stack) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", BOUNDARY)
    cdk.PropertyInjectors.of(app).add(
        injector(lambda_.Function, memorySize=1024),
        injector(logs.LogGroup, logGroupClass="INFREQUENT_ACCESS"),
        injector(iam.Role, permissionsBoundary=boundary),
    )
    template = synthesize(stack)
    assert function_of(template)["MemorySize"] == 1024
    _, log_group = the_only(template, LOG_GROUP)
    assert log_group["Properties"]["LogGroupClass"] == "INFREQUENT_ACCESS"
    _, role = the_only(template, ROLE)
    assert role["Properties"]["PermissionsBoundary"] == BOUNDARY


def test_injected_vpc_grants_its_permissions(app: cdk.App, stack: cdk.Stack) -> None:
    cdk.PropertyInjectors.of(app).add(injector(lambda_.Function, vpc=existing_vpc(stack)))
    ClientCertificate(stack, "Certificate")
    Template.from_stack(stack).has_resource_properties(
        POLICY,
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {"Action": Match.array_with(["ec2:CreateNetworkInterface"])}
                        )
                    ]
                )
            }
        },
    )


# Documentation


def test_page_documents_every_option() -> None:
    options = inspect.signature(ClientCertificateProvider.configure).parameters
    page = (ROOT / "docs" / "how-to" / "provider.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == [it for it in options if it != "scope"]


def test_security_page_lists_every_permission_for_a_vpc(stack: cdk.Stack) -> None:
    ClientCertificateProvider.configure(stack, vpc=existing_vpc(stack))
    _, policy = the_only(synthesize(stack), POLICY)
    page = (ROOT / "SECURITY.md").read_text()
    assert set(re.findall(r"^\| `(ec2:\w+)` \| `(.+?)` \|", page, re.M)) == {
        (action, readable(statement["Resource"]))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def readable(resource: Any) -> str:
    """Return a template's ARN with names instead of pseudo parameters."""
    if isinstance(resource, str):
        return resource
    _, parts = resource["Fn::Join"]
    return "".join(
        part if isinstance(part, str) else f"{{{part['Ref'].removeprefix('AWS::').lower()}}}"
        for part in parts
    )
