"""Check that the policy of the rotation's role is sufficient and that all of it is needed.

Each operation of a rotation runs in the simulated account, which denies every call that the
synthesized policy does not allow. `tests/local_aws/test_permissions.py` checks what each call
needs, and `tests/fault/test_rotation_under_iam.py` has IAM enforce the policy. The list of
certificates contains no tags here, because the function needs the most permissions then.
"""

import fnmatch
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handler_testing.api_errors import DENIED
from local_aws.responses import Response
from tests.fault.test_least_privilege import ROOT, TAGS, Pair
from tests.rotation.policy import Ids, role_policy
from tests.rotation.simulation import (
    CHECK,
    LIVE,
    PARAMETER,
    PROD,
    Call,
    SimulatedStage,
    Simulation,
    json_error,
    properties,
    simulated,
)

IDS = Ids("123456789012", rest_api="r1", resource="h1", websocket_api="w1")
PARAMETER_ARN = f"arn:aws:ssm:us-east-1:{IDS.account}:parameter{PARAMETER}"
BUS = f"arn:aws:events:us-east-1:{IDS.account}:event-bus/default"
FOREIGN = ("/restapis/r2/stages/theirs", "/apis/w2/stages/theirs")

NEEDED_BY: dict[Pair, str] = {
    ("apigateway:GET", f"{ROOT}/clientcertificates"): "create",
    ("apigateway:POST", f"{ROOT}/clientcertificates"): "create",
    ("apigateway:GET", f"{ROOT}/clientcertificates/*"): "adopt",
    ("apigateway:PATCH", f"{ROOT}/clientcertificates/*"): "change the description",
    ("apigateway:DELETE", f"{ROOT}/clientcertificates/*"): "rotate",
    ("apigateway:GET", TAGS): "run",
    ("apigateway:PUT", TAGS): "create",
    ("apigateway:DELETE", TAGS): "remove a tag",
    ("apigateway:GET", f"{ROOT}/restapis"): "name foreign users",
    ("apigateway:GET", f"{ROOT}/restapis/*/stages"): "name foreign users",
    ("apigateway:GET", f"{ROOT}/apis"): "name foreign users",
    ("apigateway:GET", f"{ROOT}/apis/*/stages"): "name foreign users",
    ("apigateway:GET", ROOT + PROD): "run",
    ("apigateway:PATCH", ROOT + PROD): "create",
    ("apigateway:GET", ROOT + LIVE): "run",
    ("apigateway:PATCH", ROOT + LIVE): "create",
    ("apigateway:POST", ROOT + CHECK): "rotate",
    ("ssm:GetParameter", PARAMETER_ARN): "run",
    ("ssm:PutParameter", PARAMETER_ARN): "create",
    ("ssm:AddTagsToResource", PARAMETER_ARN): "create",
    ("ssm:ListTagsForResource", PARAMETER_ARN): "create",
    ("ssm:DeleteParameter", PARAMETER_ARN): "destroy",
    ("events:PutEvents", BUS): "create",
}
"""Maps each action and resource of the policy to an operation that fails without it."""


class AccountWithRole:
    """The simulated account, which denies what a policy does not allow."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        simulation.aws.stages |= {it: SimulatedStage() for it in (PROD, LIVE, *FOREIGN)}

    def allow_only(self, allowed: list[Pair]) -> None:
        """Deny every call that needs more than these permissions."""

        def deny(call: Call) -> Response | None:
            if all(any(_matches(it, pair) for pair in allowed) for it in needed(call)):
                return None
            return DENIED if call.name.startswith(_VERBS) else json_error("AccessDeniedException")

        self.simulation.aws.before = deny


_VERBS = ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ")


def needed(call: Call) -> list[Pair]:
    """Return the permissions that a call needs, according to `tests/local_aws`."""
    verb, _, path = call.name.partition(" ")
    if path:
        return [(f"apigateway:{verb}", ROOT + path.removeprefix("/v2"))]
    if verb == "events:PutEvents":
        return [(verb, BUS)]
    document = call.document
    name = document.get("Name") or document["ResourceId"]
    resource = f"arn:aws:ssm:us-east-1:{IDS.account}:parameter{name}"
    tags = [("ssm:AddTagsToResource", resource)] if document.get("Tags") else []
    return [(verb, resource), *tags]


def _matches(it: Pair, allowed: Pair) -> bool:
    return it[0] == allowed[0] and fnmatch.fnmatchcase(it[1], allowed[1])


# An operation returns why it failed, or an empty string.

Operation = Callable[[Simulation], str]
TAG = {"Key": "team", "Value": "edge"}
DESIRED = properties(Stages=[PROD, LIVE], BackendChecks=[CHECK], Description="old", Tags=[TAG])


def create(simulation: Simulation, **more: str) -> str:
    desired = {**DESIRED, **more}
    response = simulation.request("Create", desired)
    simulation.physical_id, simulation.properties = response.physical_id, desired
    return response.reason if response.status == "FAILED" else ""


def adopt(simulation: Simulation) -> str:
    id = simulation.aws.certificates.generate(None, {}).id
    return create(simulation, AdoptClientCertificateId=id)


def run(simulation: Simulation) -> str:
    return simulation.run().removeprefix("returned")


def rotate(simulation: Simulation) -> str:
    """Run until the second certificate is the only one."""
    (first,) = simulation.generations
    for _ in range(340):
        simulation.advance(days=1)
        if failure := run(simulation):
            return failure
    assert first not in simulation.generations
    return ""


def update(**changes: Any) -> Operation:
    def update_only(simulation: Simulation) -> str:
        old = simulation.properties or {}
        new = {key: value for key, value in {**old, **changes}.items() if value is not None}
        response = simulation.request("Update", new, old)
        return response.reason if response.status == "FAILED" else ""

    return update_only


def destroy(simulation: Simulation) -> str:
    response = simulation.delete()
    return response.reason if response.status == "FAILED" else ""


def name_foreign_users(simulation: Simulation) -> str:
    (id,) = simulation.generations
    for path in FOREIGN:
        simulation.aws.stages[path].certificate = id
    reason = destroy(simulation)
    return "" if "is in use by r2/theirs, w2/theirs" in reason else reason


FROM_NOTHING: dict[str, Operation] = {"create": create, "adopt": adopt}
OPERATIONS: dict[str, Operation] = {
    **FROM_NOTHING,
    "run": run,
    "rotate": rotate,
    "change the description": update(Description="new"),
    "remove a tag": update(Tags=None),
    "remove a stage": update(Stages=[PROD]),
    "name foreign users": name_foreign_users,
    "destroy": destroy,
}


@pytest.fixture(scope="module")
def policy() -> list[Pair]:
    return role_policy(IDS)


@pytest.fixture(scope="module")
def one_simulation() -> Iterator[Simulation]:
    with simulated() as simulation:
        yield simulation


@pytest.fixture
def account(one_simulation: Simulation) -> AccountWithRole:
    one_simulation.reset(tags_in_list=False)
    return AccountWithRole(one_simulation)


def failure_of(operation: str, account: AccountWithRole, allowed: list[Pair]) -> str:
    if operation not in FROM_NOTHING:
        assert not create(account.simulation)
    account.allow_only(allowed)
    return OPERATIONS[operation](account.simulation)


def test_role_has_only_the_permissions_it_needs(policy: list[Pair]) -> None:
    assert sorted(policy) == sorted(NEEDED_BY)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_policy_is_sufficient_to(
    operation: str, account: AccountWithRole, policy: list[Pair]
) -> None:
    assert not failure_of(operation, account, policy)


@pytest.mark.parametrize(
    "pair", NEEDED_BY, ids=lambda pair: f"{pair[0]} on {pair[1].removeprefix(ROOT)}"
)
def test_operation_fails_without(pair: Pair, account: AccountWithRole, policy: list[Pair]) -> None:
    others = [other for other in policy if other != pair]
    failure = failure_of(NEEDED_BY[pair], account, others)
    if NEEDED_BY[pair] == "name foreign users":
        assert "is in use by" in failure or "the stages could not all be read" in failure
    else:
        assert "not permitted" in failure
