"""The SSM parameter that holds a published PEM."""

import json
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

_ID_PREFIX: Final = "PemParameter:"


def get_or_create_pem_parameter(certificate: Construct, pem: str, name: str) -> ssm.StringParameter:
    """Return the parameter `name` of the certificate's stack, which the first call creates.

    Its logical ID follows from its name alone. When a stack publishes another certificate under the
    same name, CloudFormation therefore updates the parameter in place. Another logical ID would
    create a second parameter of the name, which fails with ParameterAlreadyExists.

    Raises:
        ValueError: The name starts with a token, or the parameter holds the PEM of another
            certificate.
    """
    stack = cdk.Stack.of(certificate)
    if cdk.Token.is_unresolved(name) and not name.startswith("/"):
        raise ValueError(
            f"{certificate.node.path}: parameter name {name!r} starts with a token, so that its "
            'ARN is not known at synth: start it with "/", as in f"/{token}"'
        )
    id = _construct_id(stack, name)
    existing = stack.node.try_find_child(id)
    if existing is None:
        return ssm.StringParameter(
            stack,
            id,
            parameter_name=name,
            simple_name=False if cdk.Token.is_unresolved(name) else None,
            description=f"PEM of the API Gateway client certificate {certificate.node.path}",
            string_value=pem,
        )
    assert isinstance(existing, ssm.StringParameter)
    resource = existing.node.default_child
    assert isinstance(resource, ssm.CfnParameter)
    if stack.resolve(resource.value) != stack.resolve(pem):
        raise ValueError(
            f"{certificate.node.path}: parameter {name!r} has another value already "
            f"({resource.description}), and a parameter holds one PEM: use another name"
        )
    return existing


def _construct_id(stack: cdk.Stack, name: str) -> str:
    known = not cdk.Token.is_unresolved(name)
    text = name if known else json.dumps(stack.resolve(name), sort_keys=True)
    # A construct ID cannot hold "/", and a parameter name cannot hold ":".
    return _ID_PREFIX + text.replace("/", ":")
