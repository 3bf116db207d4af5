"""The length of the managed policies of rotating certificates, as IAM counts it."""

import json
from typing import Any, Final

import aws_cdk as cdk
import jsii
from constructs import IValidation

from ._rendered import rendered

MAX_POLICY: Final = 6144
"""Characters of a managed policy without white space. Source: IAM quotas, "Managed policy size"."""

_PSEUDO_PARAMETERS: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
}
"""A short value of each that a policy refers to."""


@jsii.implements(IValidation)
class PolicySize:
    """Checks the length of a managed policy when the app is synthesized."""

    def __init__(self, policy: cdk.CfnElement) -> None:
        self._policy = policy

    def validate(self) -> list[str]:
        violation = _policy_violation(self._policy)
        return [violation] if violation else []


def _policy_violation(policy: cdk.CfnElement) -> str | None:
    """Return what is wrong with the length of a policy, as far as it is known."""
    document = rendered(policy).get("Properties", {}).get("PolicyDocument", {})
    text = json.dumps(_with_short_values(document), separators=(",", ":"))
    text = text.replace("apis/?/", "apis/a1b2c3d4e5/")  # the IDs of APIs have ten characters
    if len(text) <= MAX_POLICY:
        return None
    stages, methods = text.count("/stages/"), text.count("/methods/")
    return (
        f"the policy for {stages} stages and {methods} methods of rotating certificates has "
        f"{len(text)} characters, and IAM takes {MAX_POLICY}: move some of the certificates, or "
        "another one with some of the stages, to another stack"
    )


def _with_short_values(value: Any) -> Any:
    """Return a part of a template with a short value for each reference."""
    match value:
        case {"Ref": str(name)}:
            return _PSEUDO_PARAMETERS.get(name, "?")
        case {"Fn::Join": [str(delimiter), [*parts]]}:
            return delimiter.join(map(_with_short_values, parts))
        case dict() if any(key.startswith("Fn::") for key in value):
            return "?"
        case dict():
            return {key: _with_short_values(it) for key, it in value.items()}
        case list():
            return [_with_short_values(it) for it in value]
    return value
