"""References that other stacks can use without an export."""

import aws_cdk as cdk
import jsii


def weak_reference(attribute: str) -> str:
    """A text that stands for `attribute` at home, and elsewhere for a weak reference to it.

    It may be used in any number of stacks. CDK's own `Stack.consume_reference` may not: what it
    returns is resolved once, and so says the same in each stack that it comes to, its own
    included.
    """
    return cdk.Lazy.uncached_string(_PerStack(attribute))


@jsii.implements(cdk.IStringProducer)
class _PerStack:
    def __init__(self, attribute: str) -> None:
        self._attribute = attribute
        self._references: dict[str, str] = {}

    def produce(self, context: cdk.IResolveContext) -> str:
        # One token a stack, found again when CDK resolves for the second time.
        consumer = cdk.Stack.of(context.scope).node.addr
        if consumer not in self._references:
            self._references[consumer] = cdk.Stack.consume_reference(
                self._attribute, cdk.ReferenceStrength.WEAK
            )
        return self._references[consumer]
