"""Tags of a rotating certificate: where they come from, and how many are allowed."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import ROTATING, properties, rest_api, rotating, synthesize


def test_tags_of_app_and_stack_apply(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Tagged", tags={"stack": "s"})
    certificate = rotating(stack, rest_api(stack), tags={"own": "o"})
    cdk.Tags.of(app).add("app", "a")
    cdk.Tags.of(certificate).add("only", "x", include_resource_types=[ROTATING])
    assert properties(synthesize(stack))["Tags"] == [
        {"Key": key, "Value": value}
        for key, value in {"app": "a", "only": "x", "own": "o", "stack": "s"}.items()
    ]


def test_accepts_42_tags(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, tags={f"key-{number}": "" for number in range(42)})
    assert len(properties(synthesize(stack))["Tags"]) == 42


def test_refuses_43_tags(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match=r"too many tags: 43; .* needs 8: keep 42 or fewer"):
        rotating(stack, api, tags={f"key-{number}": "" for number in range(43)})


def test_refuses_43_tags_from_argument_and_stack(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, tags={f"key-{number}": "" for number in range(42)})
    cdk.Tags.of(stack).add("one-more", "")
    with pytest.raises(RuntimeError, match="too many tags: 43"):
        app.synth()
