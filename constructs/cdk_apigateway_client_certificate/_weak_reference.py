"""References that other stacks can use without an export."""

import json
from importlib import metadata

import aws_cdk as cdk
import jsii
from constructs import IConstruct


def weak_reference(attribute: str, home: IConstruct, revision: str | None = None) -> str:
    """Return a token for an attribute, to which other stacks then refer weakly.

    Any number of stacks can use it. They cannot share a token of CDK's `Stack.consume_reference`,
    which is resolved only once and then is the same reference in every stack, even in its own.

    Args:
        attribute: The token of a resource's attribute.
        home: The construct that the resource belongs to.
        revision: A text that changes when the value does while the logical ID stays the same. It
            is part of the templates of the other stacks, so that `cdk deploy` updates them too.
    """
    return cdk.Lazy.uncached_string(_PerStack(attribute, home, revision))


def outermost_stack(construct: IConstruct) -> cdk.Stack:
    """Return the stack of a construct; if that is a nested stack, the outermost of its parents."""
    stack = cdk.Stack.of(construct)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack


@jsii.implements(cdk.IStringProducer)
class _PerStack:
    def __init__(self, attribute: str, home: IConstruct, revision: str | None) -> None:
        self._attribute = attribute
        self._home = home
        self._revision = revision
        self._references: dict[str, str] = {}

    def produce(self, context: cdk.IResolveContext) -> str:
        # CDK resolves more than once and must get the same token, one for each consuming stack.
        consumer = cdk.Stack.of(context.scope).node.addr
        if consumer not in self._references:
            self._references[consumer] = self._reference_from(context.scope)
        return self._references[consumer]

    def _reference_from(self, scope: IConstruct) -> str:
        home = outermost_stack(self._home)
        if outermost_stack(scope).node.addr == home.node.addr:
            return self._attribute  # between nested stacks, CDK needs no export
        # aws-cdk-lib has had it since 2.258.0.
        if not hasattr(cdk.Stack, "consume_reference"):
            raise ValueError(
                f"stack {cdk.Stack.of(scope).node.path!r} uses the PEM of client certificate "
                f"{self._home.node.path!r} in another stack, which needs aws-cdk-lib 2.258.0 or "
                f"newer, not {metadata.version('aws-cdk-lib')}: upgrade it, or use "
                "publish_to_parameter and read the parameter"
            )
        reference = cdk.Stack.consume_reference(self._attribute, cdk.ReferenceStrength.WEAK)
        if self._revision is None:
            return reference
        # The delimiter of a join with one part changes the template, but not the value.
        revision = home.resolve(self._revision)
        delimiter = revision if isinstance(revision, str) else json.dumps(revision, sort_keys=True)
        return cdk.Token.as_string({"Fn::Join": [delimiter, [reference]]})
