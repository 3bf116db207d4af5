"""Finds exports of a PEM, which synthesize and fail at deploy."""

import re
from typing import Any, Final

import aws_cdk as cdk
import jsii
from constructs import IValidation

from ._weak_reference import outermost_stack
from .lambda_handler import contract

_PEM_IN_SUB: Final = re.compile(rf"\$\{{[^!}}][^}}]*{contract.Attribute.PEM}\}}")
"""A `Fn::Sub` refers to it as `${LogicalId.PemEncodedCertificate}`."""


@jsii.implements(IValidation)
class PemExports:
    """Warns of exports whose value has a PEM, which is longer than CloudFormation exports."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack

    def validate(self) -> list[str]:
        # The PEM of a nested stack is exported by its parent.
        for output in outermost_stack(self._stack).node.find_all():
            if isinstance(output, cdk.CfnOutput) and output.export_name and _has_pem(output):
                cdk.Annotations.of(output).add_warning_v2(
                    "cdk-apigateway-client-certificate:pemExport",
                    f"export {output.export_name!r} has a PEM, which is longer than the 1,024 "
                    f"characters that CloudFormation exports: {_instead_of(output)}",
                )
        return []


def _has_pem(output: cdk.CfnOutput) -> bool:
    return _refers_to_pem(cdk.Stack.of(output).resolve(output.value))


def _refers_to_pem(value: Any) -> bool:
    """Return whether a part of a template becomes a text that contains a whole PEM."""
    match value:
        case {"Fn::GetAtt": [*_, str(attribute)]}:
            return attribute.endswith(contract.Attribute.PEM)
        case {"Fn::Select": _}:
            return False  # a part of the PEM may be short
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text)]}:
            return _PEM_IN_SUB.search(text) is not None
        case {"Fn::Sub": [str(text), dict(variables)]}:
            return _PEM_IN_SUB.search(text) is not None or _refers_to_pem(variables)
        case dict():
            return any(map(_refers_to_pem, value.values()))
        case list():
            return any(map(_refers_to_pem, value))
    return False


def _instead_of(output: cdk.CfnOutput) -> str:
    if output.node.scope is not None and output.node.scope.node.id == "Exports":  # CDK's own
        return (
            "CDK exports what other stacks use of a nested one; use publish_to_parameter, or call "
            "CrossStackReferences.of(nested.nested_stack_resource).produce(ReferenceStrength.WEAK)"
        )
    return "leave export_name out; other stacks of the app can use pem_encoded_certificate as it is"
