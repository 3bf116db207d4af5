"""A certificate's tags: its own, those of `Tags.of(…)`, and its stack's."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
import jsii
from constructs import Construct, IValidation

from .lambda_handler import contract
from .lambda_handler.tags import outside_documented_characters, violation

_BELOW_ALL_OTHERS: Final = 0
"""A priority: arguments have 50, aspects 100 and more."""


class CertificateTags:
    """The tags of one certificate, known for sure only when all aspects have run.

    `tags` are checked at once, and again with all the others when the app is synthesized. Raises
    `ValueError`.
    """

    def __init__(self, certificate: Construct, tags: Mapping[str, str]) -> None:
        if broken := violation(_known(tags)):
            raise ValueError(f"{certificate.node.path}: {broken}")
        self.manager = cdk.TagManager(cdk.TagType.MAP, contract.RESOURCE_TYPE, dict(tags))
        for key, value in _stack_tags(certificate).items():
            self.manager.set_tag(key, value, _BELOW_ALL_OTHERS)
        self._certificate = certificate
        self.rendered = cdk.Lazy.any(_Rendered(self))
        certificate.node.add_validation(_Validation(self))

    def final(self) -> dict[str, str]:
        """The tags as they are deployed, by key, so that their order is no change."""
        return dict(sorted(self.manager.tag_values().items()))

    def errors(self) -> list[str]:
        """What API Gateway would refuse; and a warning for each tag that it may."""
        known = _known(self.final())
        for key, value in known.items():
            if outside_documented_characters(key, value):
                cdk.Annotations.of(self._certificate).add_warning_v2(
                    "cdk-apigateway-client-certificate:tagCharacters",
                    f"tag {key!r} = {value!r} has characters that AWS takes in general, but "
                    "API Gateway does not document: letters, digits and + - = . _ : / are safe",
                )
        broken = violation(known)
        return [broken] if broken else []


def _stack_tags(certificate: Construct) -> dict[str, str]:
    """The tags that CloudFormation would put on a native resource, but not on a custom one.

    Read before the aspects run: theirs reach certificate and stack alike, and only in the
    certificate's own tag manager do their exclusions and removals count.
    """
    stack: cdk.Stack | None = cdk.Stack.of(certificate)
    tags: dict[str, str] = {}
    while stack is not None:
        tags = {**stack.tags.tag_values(), **tags}
        stack = stack.nested_stack_parent
    return tags


def _known(tags: Mapping[str, str]) -> dict[str, str]:
    """What can be checked before the deploy: keys that are no tokens, and values likewise."""
    return {
        key: "" if cdk.Token.is_unresolved(value) else value
        for key, value in tags.items()
        if not cdk.Token.is_unresolved(key)
    }


@jsii.implements(cdk.IStableAnyProducer)
class _Rendered:
    def __init__(self, tags: CertificateTags) -> None:
        self._tags = tags

    def produce(self) -> Any:
        final = self._tags.final().items()
        return [{"Key": key, "Value": value} for key, value in final] or None


@jsii.implements(IValidation)
class _Validation:
    def __init__(self, tags: CertificateTags) -> None:
        self._tags = tags

    def validate(self) -> list[str]:
        return self._tags.errors()
