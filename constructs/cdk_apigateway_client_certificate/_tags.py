"""A certificate's tags: its own, those of `Tags.of(…)`, and its stack's."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import jsii
from constructs import Construct, IValidation

from .lambda_handler import contract
from .lambda_handler.tag_rules import outside_documented_characters, violation

_BELOW_ALL_OTHERS: Final = 0
"""The priority of the stack's tags. Arguments have 50, and aspects 100 and more."""


class CertificateTags:
    """The tags of one certificate, which are final only after all aspects have run.

    `tags` are checked at once, and again with all the others when the app is synthesized.

    Raises:
        TypeError: `tags` does not map strings to strings.
        ValueError: A tag breaks a rule of API Gateway.
    """

    def __init__(
        self,
        certificate: Construct,
        stack: cdk.Stack,
        tags: Mapping[str, str | None],
        resource_type: str = contract.RESOURCE_TYPE,
        own_count: int = contract.OwnTag.COUNT,
    ) -> None:
        if wrong := _wrong_type(tags):
            raise TypeError(f"{certificate.node.path}: {wrong}")
        given = {key: value for key, value in tags.items() if value is not None}
        if broken := violation(_known(given), own_count):
            raise ValueError(f"{certificate.node.path}: {broken}")
        self.manager = cdk.TagManager(cdk.TagType.MAP, resource_type, given)
        self._own_count = own_count
        self._certificate = certificate
        self._stack_tags = _get_or_create_stack_tags(stack)
        self._stack_tags.certificates.append(self)
        self._rendered: dict[str, str] | None = None
        self.property = cdk.Lazy.any(_Property(self))

    def render(self) -> dict[str, str]:
        """Return the tags for the template, sorted by key, so that their order never changes it."""
        self._rendered = self._current()
        return self._rendered

    def _current(self) -> dict[str, str]:
        tags = self.manager.tag_values()
        inherited = self._stack_tags.values()
        if missing := inherited.keys() - tags.keys():
            for key in missing - self._keys_of_aspects():
                # Has no effect if the tag was removed from the certificate.
                self.manager.set_tag(key, inherited[key], _BELOW_ALL_OTHERS)
            tags = self.manager.tag_values()
        return {key: tags[key] for key in sorted(tags) if not self._is_no_value(tags[key])}

    def errors(self) -> list[str]:
        """Return an error if a tag breaks a rule, and warn of tags that API Gateway may refuse."""
        # CDK has usually rendered the tags by now, and reading them again takes time.
        known = _known(self._current() if self._rendered is None else self._rendered)
        for key, value in known.items():
            if outside_documented_characters(key, value):
                cdk.Annotations.of(self._certificate).add_warning_v2(
                    "cdk-apigateway-client-certificate:tagCharacters",
                    f"tag {key!r} = {value!r} has characters that AWS accepts in general, but "
                    "API Gateway does not document (letters of ASCII, digits and + - = . _ : / "
                    "are safe): if the deploy fails because of it, remove it from this resource "
                    f"with Tags.of(certificate).remove({key!r})",
                )
        broken = violation(known, self._own_count)
        return [f"{self._certificate.node.path}: {broken}"] if broken else []

    def _keys_of_aspects(self) -> set[str]:
        """Return the keys that `Tags.of(…)` adds or removes above the certificate.

        The stack has these too, but the certificate's own manager knows whether they are for it:
        only there do exclusions of its resource type count.
        """
        return {
            aspect.key
            for scope in self._certificate.node.scopes
            for aspect in cdk.Aspects.of(scope).all
            if isinstance(aspect, (cdk.Tag, cdk.RemoveTag))
        }

    def _is_no_value(self, value: str) -> bool:
        if not _is_token(value):
            return False
        resolved = cdk.Stack.of(self._certificate).resolve(value)
        return resolved in (None, {"Ref": "AWS::NoValue"})


class _StackTags:
    """The tags of a stack, which CloudFormation puts on native resources but not on custom ones.

    All certificates of a stack share one, which validates them together, because each validation
    takes calls between Python and Node.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        self.certificates: list[CertificateTags] = []
        self._managers: list[cdk.TagManager] = []
        stack.node.add_validation(_Validation(self.certificates))
        enclosing: cdk.Stack | None = stack
        while enclosing is not None:
            self._managers.append(enclosing.tags)
            enclosing = enclosing.nested_stack_parent

    def values(self) -> dict[str, str]:
        """Return the tags as they are now; those of a nested stack win over its parent's."""
        tags: dict[str, str] = {}
        for manager in self._managers:
            tags = {**manager.tag_values(), **tags}
        return tags


_STACK_TAGS: Final[WeakKeyDictionary[cdk.Stack, _StackTags]] = WeakKeyDictionary()


def _get_or_create_stack_tags(stack: cdk.Stack) -> _StackTags:
    if stack not in _STACK_TAGS:
        _STACK_TAGS[stack] = _StackTags(stack)
    return _STACK_TAGS[stack]


def _wrong_type(tags: object) -> str | None:
    if not isinstance(tags, Mapping):
        return f"tags must map keys to values, not {tags!r}: write tags={{'team': 'edge'}}"
    return next(_wrong_types(tags), None)


def _wrong_types(tags: Mapping[object, object]) -> Iterator[str]:
    for key, value in tags.items():
        if not isinstance(key, str):
            yield f"tag key {key!r} must be a string: write {str(key)!r}"
        if not isinstance(value, str | None):
            yield f"value of tag {key!r} must be a string, not {value!r}: write {str(value)!r}"


def _known(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what can be checked at synth: tags without those whose keys are tokens.

    Values that are tokens are replaced with empty ones.
    """
    return {
        key: "" if _is_token(value) else value for key, value in tags.items() if not _is_token(key)
    }


def _is_token(text: str) -> bool:
    """Return whether a text contains a token; without a call to Node if it obviously does not."""
    return "${" in text and cdk.Token.is_unresolved(text)


@jsii.implements(cdk.IStableAnyProducer)
class _Property:
    def __init__(self, tags: CertificateTags) -> None:
        self._tags = tags

    def produce(self) -> Any:
        tags = self._tags.render().items()
        return [{"Key": key, "Value": value} for key, value in tags] or None


@jsii.implements(IValidation)
class _Validation:
    def __init__(self, certificates: list[CertificateTags]) -> None:
        self._certificates = certificates

    def validate(self) -> list[str]:
        return [error for tags in self._certificates for error in tags.errors()]
