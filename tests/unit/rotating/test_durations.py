"""Which combinations of `rotate_before_expiry` and `overlap` are valid."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import properties, rotating, synthesize


@pytest.mark.parametrize(("before", "overlap"), [(29, 14), (336, 14), (1, 0), (364, 0), (182, 90)])
def test_accepts_durations(
    stack: cdk.Stack, api: apigateway.RestApi, before: int, overlap: int
) -> None:
    rotating(
        stack,
        api,
        rotate_before_expiry=cdk.Duration.days(before),
        overlap=cdk.Duration.days(overlap),
    )
    assert properties(synthesize(stack))["OverlapSeconds"] == overlap * 86400


@pytest.mark.parametrize(
    ("before", "overlap", "message"),
    [
        (28, 14, "rotate_before_expiry is 28 days, and overlap 14 days: .* = 29 days, .* = 336"),
        (337, 14, "rotate_before_expiry is 337 days, and overlap 14 days"),
        (60, 30, "rotate_before_expiry is 60 days, and overlap 30 days: .* = 61 days, .* = 304"),
        (182, 91, r"overlap is 91 days, .*: use at most 90\.75 days"),
    ],
)
def test_refuses_durations(
    stack: cdk.Stack, api: apigateway.RestApi, before: int, overlap: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        rotating(
            stack,
            api,
            rotate_before_expiry=cdk.Duration.days(before),
            overlap=cdk.Duration.days(overlap),
        )
    assert str(error.value).startswith("Stack/Rotating: ")
