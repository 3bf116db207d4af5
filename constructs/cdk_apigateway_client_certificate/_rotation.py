"""What the rotating certificates of a stack share: function, permissions and schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._policy_size import PolicySize
from ._provider import get_or_create_rotation_function
from ._rendered import digest
from ._schedule import SCHEDULED_TIME, create_schedule
from ._stack_update_rule import create_stack_update_rule
from .lambda_handler.contract import RotatingProperty, Task

if TYPE_CHECKING:
    from aws_cdk import aws_events as events

RUN_HOURS: Final = 1
"""Hours between two runs."""

_CERTIFICATES_PER_POLICY: Final = 10
"""A certificate with one stage takes about 250 of the characters that a managed policy may have."""


@dataclass(frozen=True)
class Permissions:
    """The resources that the function may use for one certificate."""

    stages: Sequence[str]
    """Paths as IAM writes them, like those of the methods."""
    methods: Sequence[str]
    parameter_arn: str


class Rotation:
    """The function and the schedule of a stack's rotating certificates."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack
        self._function = get_or_create_rotation_function(stack)
        provider = self._function.node.scope
        assert isinstance(provider, Construct)
        self._scope = Construct(provider, "Rotation")
        self._policies: list[iam.ManagedPolicy] = []
        self._resources: list[Mapping[str, Any]] = []
        self._owners: dict[str, str] = {}
        task = {
            Task.TASK: Task.ROTATE,
            Task.TIME: SCHEDULED_TIME,
            Task.RESOURCES: cdk.Lazy.any(_Resources(self)),
        }
        self._schedule = create_schedule(
            self._scope,
            self._function,
            cdk.Duration.hours(RUN_HOURS),
            task,
            description="Starts a run for the rotating client certificates",
            role_description="Lets the schedule invoke the function that rotates certificates",
        )

    @property
    def service_token(self) -> str:
        return self._function.function_arn

    def add(
        self,
        resource: cdk.CustomResource,
        properties: Mapping[str, Any],
        permissions: Permissions,
        stacks: Sequence[cdk.Stack],
    ) -> "events.CfnRule":
        """Add a certificate to the policies and the schedule, and create its rule.

        CloudFormation creates the policy before the custom resource, and the schedule and the rule
        after it.

        Args:
            resource: The custom resource.
            properties: The custom resource's properties.
            permissions: What the function may use for it.
            stacks: The stacks of its stages.

        Returns:
            The rule that invokes the function when an update of these stacks has ended.

        Raises:
            ValueError: Another certificate of the stack has one of the stages or the parameter.
        """
        path = resource.node.path.removesuffix("/Resource")
        for it in (*permissions.stages, permissions.parameter_arn):
            if it in self._owners:
                raise ValueError(
                    f"{path}: {self._owners[it]!r} has the same stage or "
                    "trust parameter, and each belongs to one rotating certificate: use another"
                )
            self._owners[it] = path
        resource.node.add_dependency(self._allow(permissions))
        element = resource.node.default_child
        assert isinstance(element, cdk.CfnElement)
        # The run needs no StageSettings, and the schedule would change with each stage.
        described = {
            Task.STACK_ID: self._stack.stack_id,
            Task.LOGICAL_ID: element.logical_id,
            **{
                name: value
                for name, value in properties.items()
                if value is not None and name != RotatingProperty.STAGE_SETTINGS
            },
        }
        self._resources.append(described)
        self._schedule.node.add_dependency(resource)
        certificate = resource.node.scope
        assert isinstance(certificate, Construct)
        rule = create_stack_update_rule(certificate, self._function, described, stacks)
        rule.node.add_dependency(resource)
        return rule

    def _allow(self, permissions: Permissions) -> iam.ManagedPolicy:
        """Return the policy to which the permissions of one more certificate were added."""
        if len(self._resources) % _CERTIFICATES_PER_POLICY == 0:
            self._policies.append(self._create_policy(len(self._policies)))
        policy = self._policies[-1]
        prefix = f"arn:{self._stack.partition}:apigateway:{self._stack.region}::"
        policy.add_statements(
            iam.PolicyStatement(
                actions=["apigateway:GET", "apigateway:PATCH"],
                resources=[prefix + path for path in permissions.stages],
            ),
            iam.PolicyStatement(
                actions=[
                    "ssm:AddTagsToResource",
                    "ssm:DeleteParameter",
                    "ssm:GetParameter",
                    "ssm:ListTagsForResource",
                    "ssm:PutParameter",
                ],
                resources=[permissions.parameter_arn],
            ),
        )
        if permissions.methods:
            policy.add_statements(
                iam.PolicyStatement(
                    actions=["apigateway:POST"],  # TestInvokeMethod
                    resources=[prefix + path for path in permissions.methods],
                )
            )
        return policy

    def _create_policy(self, index: int) -> iam.ManagedPolicy:
        """Create a policy whose logical ID follows from its statements, as a Deployment's does.

        CloudFormation changes a policy before the custom resources that depend on it, but deletes
        one after them. So the function keeps its permissions for a stage or a certificate that a
        deploy removes until it has detached and deleted it.
        """
        assert self._function.role is not None
        document = iam.PolicyDocument(minimize=True)
        policy = iam.ManagedPolicy(
            self._scope,
            f"Policy{index}",
            description="Stages, methods and parameters of rotating client certificates",
            document=document,
            roles=[self._function.role],
        )
        resource = policy.node.default_child
        assert isinstance(resource, cdk.CfnElement)
        policy.node.add_validation(PolicySize(resource))
        name = self._stack.get_logical_id(resource)
        resource.override_logical_id(
            cdk.Lazy.uncached_string(_ContentId(self._stack, name, document))
        )
        return policy

    def list_resources(self) -> list[Mapping[str, Any]]:
        return self._resources


_ROTATIONS: Final[WeakKeyDictionary[cdk.Stack, Rotation]] = WeakKeyDictionary()
"""Of each stack. An entry lasts, since `_Resources` holds the rotation and so the stack."""


def get_or_create_rotation(stack: cdk.Stack) -> Rotation:
    if stack not in _ROTATIONS:
        _ROTATIONS[stack] = Rotation(stack)
    return _ROTATIONS[stack]


@jsii.implements(cdk.IStableAnyProducer)
class _Resources:
    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation

    def produce(self) -> Any:
        return self._rotation.list_resources()


@jsii.implements(cdk.IStringProducer)
class _ContentId:
    def __init__(self, stack: cdk.Stack, name: str, document: iam.PolicyDocument) -> None:
        self._stack = stack
        self._name = name
        self._document = document
        self._id: str | None = None

    def produce(self, context: cdk.IResolveContext) -> str:
        if context.preparing:  # each synthesis begins so, and nothing reads the ID then
            self._id = None
            return self._name
        # Kept, since each resource that depends on the policy asks for it.
        if self._id is None:
            self._id = self._name + digest(self._stack.resolve(self._document))[:8].upper()
        return self._id
