"""`StageSettings` changes with a stage's template, so a deploy updates the certificate."""

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from tests.unit.rotating.support import health_of, l1, properties, rest_api, rotating, synthesize


def settings(
    change: Callable[[apigateway.RestApi], object] = lambda _: None, *, apart: bool = False
) -> str:
    """Return the value of `StageSettings` after a change to the API.

    Args:
        change: Changes the API or its stage before synthesis.
        apart: Put the API into another stack.
    """
    app = cdk.App()
    stack = cdk.Stack(app, "Stack")
    api = rest_api(cdk.Stack(app, "Front") if apart else stack)
    rotating(stack, api)
    change(api)
    found = properties(synthesize(stack))["StageSettings"]
    assert isinstance(found, str)
    return found


CHANGES: dict[str, Callable[[apigateway.RestApi], object]] = {
    "variable": lambda api: setattr(l1(api), "variables", {"backend": "b"}),
    "override": lambda api: l1(api).add_property_override("TracingEnabled", True),
    "raw override": lambda api: l1(api).add_override("Properties.Description", "changed"),
    "deployment": lambda api: health_of(api),
}


@pytest.mark.parametrize("apart", [False, True], ids=["same stack", "another stack"])
@pytest.mark.parametrize("change", CHANGES)
def test_stage_settings_follow(change: str, apart: bool) -> None:
    assert settings(CHANGES[change], apart=apart) != settings(apart=apart)


@pytest.mark.parametrize("apart", [False, True], ids=["same stack", "another stack"])
def test_stage_settings_are_stable(apart: bool) -> None:
    assert settings(apart=apart) == settings(apart=apart)


def test_stage_settings_ignore_what_is_not_the_stage() -> None:
    assert settings(lambda api: iam.User(api, "User")) == settings()


def test_stage_settings_follow_an_aspect() -> None:
    assert settings(lambda api: cdk.Tags.of(api).add("team", "edge")) != settings()
