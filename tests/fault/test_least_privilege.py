"""Check against enforced IAM that the role's policy is sufficient and that all of it is needed.

The packaged handler runs with the credentials of a role that has only the template's statements.
The list contains no tags here, because the handler needs the most permissions then.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_apigateway_client_certificate import ClientCertificateStack
from handler_testing.environment import STACK_ID
from handler_testing.fake_cloudformation import FakeCloudFormation
from handler_testing.packaged_function import PackagedFunction
from local_aws import LocalAws

Pair = tuple[str, str]

ROOT = "arn:aws:apigateway:us-east-1::"
TAGS = f"{ROOT}/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fclientcertificates%2F*"
NEEDED_BY: dict[Pair, str] = {
    ("apigateway:GET", f"{ROOT}/clientcertificates"): "create",
    ("apigateway:POST", f"{ROOT}/clientcertificates"): "create",
    ("apigateway:GET", f"{ROOT}/clientcertificates/*"): "change the description",
    ("apigateway:PATCH", f"{ROOT}/clientcertificates/*"): "change the description",
    ("apigateway:DELETE", f"{ROOT}/clientcertificates/*"): "delete",
    ("apigateway:GET", TAGS): "create beside another",
    ("apigateway:PUT", TAGS): "add a tag",
    ("apigateway:DELETE", TAGS): "remove a tag",
    ("apigateway:GET", f"{ROOT}/restapis"): "delete in use",
    ("apigateway:GET", f"{ROOT}/restapis/*/stages"): "delete in use",
    ("apigateway:GET", f"{ROOT}/apis"): "delete in use",
    ("apigateway:GET", f"{ROOT}/apis/*/stages"): "delete in use",
}
"""Maps each action and resource of the policy to an operation that fails without it."""
SECONDS = 8.0
"""Time-out of each invocation: the handler retries a denied call until shortly before it."""


def resolved(value: Any) -> str:
    """Resolve a template's string for partition `aws` and Region us-east-1."""
    if isinstance(value, str):
        return value
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(map(resolved, parts))
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": "AWS::Region"}:
            return "us-east-1"
        case {"Fn::GetAtt": [str(logical_id), "Arn"]}:
            return f"the ARN of {logical_id}"
    raise AssertionError(f"not resolved: {value}")


def pairs(template: dict[str, Any]) -> list[Pair]:
    """Return the pairs of action and resource of all policies in a template."""
    documents = []
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            assert "ManagedPolicyArns" not in properties
            documents += [policy["PolicyDocument"] for policy in properties["Policies"]]
        elif resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            documents.append(properties["PolicyDocument"])
    found = []
    for statement in (statement for document in documents for statement in document["Statement"]):
        assert statement["Effect"] == "Allow"
        assert statement.keys() == {"Effect", "Action", "Resource"}
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        found += [(action, resolved(resource)) for action in actions for resource in resources]
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
    stack = ClientCertificateStack(app, "ClientCertificate")
    found = app.synth().get_stack_by_name(stack.stack_name).template
    assert isinstance(found, dict)
    return found


def policy(allowed: list[Pair]) -> str:
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class AccountWithRole:
    """The local AWS with a role, and the packaged handler that runs with this role."""

    def __init__(self, aws: LocalAws, cloudformation: FakeCloudFormation, asset: Path) -> None:
        self._cloudformation = cloudformation
        self.api = aws.client("apigateway")
        self._websocket_apis = aws.client("apigatewayv2")
        self._iam = aws.client("iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        role = self._iam.create_role(
            RoleName="function",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]
        session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="function")
        credentials = session["Credentials"]
        inherited = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE")
        files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")
        self.function = PackagedFunction(
            asset,
            {
                **{name: aws.variables[name] for name in (*inherited, *files, "NO_PROXY")},
                "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
                "AWS_SESSION_TOKEN": credentials["SessionToken"],
                "SSL_CERT_FILE": str(cloudformation.authority),
            },
        )
        self._requests = 0

    def allow_only(self, allowed: list[Pair]) -> None:
        """Replace the role's policy."""
        self._iam.put_role_policy(
            RoleName="function", PolicyName="all", PolicyDocument=policy(allowed)
        )

    def send(self, kind: str, **overrides: Any) -> dict[str, Any]:
        """Send one request and return the response."""
        self._requests += 1
        event = {
            "RequestType": kind,
            "ResponseURL": self._cloudformation.url(f"response-{self._requests}"),
            "StackId": STACK_ID,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{self._requests:012d}",
            "ResourceType": "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": "Certificate4E7ABB08",
            "ResourceProperties": properties(),
            **overrides,
        }
        invocation = self.function.invoke(event, SECONDS)
        assert invocation.outcome == "returned", invocation
        return self._cloudformation.responses[-1]

    def update(self, desired: dict[str, Any]) -> dict[str, Any]:
        """Update a certificate that was created with `properties()` and return the response."""
        return self.send(
            "Update",
            PhysicalResourceId=self.generate(),
            ResourceProperties=desired,
            OldResourceProperties=properties(),
        )

    def generate(self) -> str:
        """Generate a certificate like the handler's, with the root credentials."""
        ownership_tags = {
            "client-certificate:stack-id": STACK_ID,
            "client-certificate:logical-id": "Certificate4E7ABB08",
            "client-certificate:request-id": f"generated-{self._requests}",
        }
        generated = self.api.generate_client_certificate(
            description="backend", tags={"team": "edge", **ownership_tags}
        )
        return str(generated["clientCertificateId"])

    def generate_in_use(self) -> str:
        """Generate a certificate and attach it to stage `prod` of a REST API.

        The account also gets a WebSocket API, whose stages the handler must read too.
        """
        self._websocket_apis.create_api(
            Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )
        id = self.generate()
        api = self.api.create_rest_api(name="front")["id"]
        root = self.api.get_resources(restApiId=api)["items"][0]["id"]
        method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        self.api.put_method(**method, authorizationType="NONE")
        self.api.put_integration(**method, type="MOCK")
        deployment = self.api.create_deployment(restApiId=api)["id"]
        self.api.create_stage(restApiId=api, stageName="prod", deploymentId=deployment)
        change = {"op": "replace", "path": "/clientCertificateId", "value": id}
        self.api.update_stage(restApiId=api, stageName="prod", patchOperations=[change])
        return id

    def clear(self) -> None:
        for api in self.api.get_rest_apis()["items"]:
            self.api.delete_rest_api(restApiId=api["id"])
        for api in self._websocket_apis.get_apis()["Items"]:
            self._websocket_apis.delete_api(ApiId=api["ApiId"])
        for item in self.api.get_client_certificates(limit=500)["items"]:
            self.api.delete_client_certificate(clientCertificateId=item["clientCertificateId"])


def properties(description: str = "backend", team: str | None = "edge") -> dict[str, Any]:
    tags = [] if team is None else [{"Key": "team", "Value": team}]
    return {"ServiceTimeout": "1200", "Description": description, "Tags": tags}


def create_beside_another(account: AccountWithRole) -> dict[str, Any]:
    """Send a Create that has to get the tags of an existing certificate."""
    account.generate()
    return account.send("Create")


def redeliver_create(account: AccountWithRole) -> dict[str, Any]:
    request = {"RequestId": "one request"}
    first = account.send("Create", **request)
    second = account.send("Create", **request)
    assert second["PhysicalResourceId"] == first["PhysicalResourceId"]
    return second


def adopt(account: AccountWithRole) -> dict[str, Any]:
    id = account.api.generate_client_certificate()["clientCertificateId"]
    return account.send(
        "Create", ResourceProperties={**properties(), "AdoptClientCertificateId": id}
    )


def look_up(account: AccountWithRole) -> dict[str, Any]:
    return account.send(
        "Create",
        ResourceType="Custom::ApiGatewayClientCertificateLookup",
        ResourceProperties={"ClientCertificateId": account.generate()},
    )


OPERATIONS: dict[str, Callable[[AccountWithRole], dict[str, Any]]] = {
    "create": lambda account: account.send("Create"),
    "create beside another": create_beside_another,
    "redeliver a create": redeliver_create,
    "adopt": adopt,
    "look up": look_up,
    "change the description": lambda account: account.update(properties(description="new")),
    "add a tag": lambda account: account.update(
        {**properties(), "Tags": [*properties()["Tags"], {"Key": "new", "Value": "tag"}]}
    ),
    "remove a tag": lambda account: account.update(properties(team=None)),
    "change nothing": lambda account: account.update(properties()),
    "delete": lambda account: account.send("Delete", PhysicalResourceId=account.generate()),
    "delete after a failed create": lambda account: account.send(
        "Delete", PhysicalResourceId="request:7d3e9c1a"
    ),
    "delete in use": lambda account: account.send(
        "Delete", PhysicalResourceId=account.generate_in_use()
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, asset: Path) -> Iterator[AccountWithRole]:
    folder = tmp_path_factory.mktemp("cloudformation")
    with LocalAws(tags_in_list=False) as aws, FakeCloudFormation(folder) as cloudformation:
        account = AccountWithRole(aws, cloudformation, asset)
        try:
            yield account
        finally:
            account.function.close()


@pytest.fixture
def account(server: AccountWithRole) -> AccountWithRole:
    server.clear()
    return server


def test_role_has_only_the_permissions_it_needs(
    template: dict[str, Any],
) -> None:
    (log_group,) = (
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Logs::LogGroup"
    )
    logs = [
        ("logs:CreateLogStream", f"the ARN of {log_group}"),
        ("logs:PutLogEvents", f"the ARN of {log_group}"),
    ]
    assert sorted(pairs(template)) == sorted([*NEEDED_BY, *logs])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_policy_is_sufficient_to(
    operation: str, account: AccountWithRole, template: dict[str, Any]
) -> None:
    account.allow_only([pair for pair in pairs(template) if pair[0].startswith("apigateway:")])
    response = OPERATIONS[operation](account)
    if operation == "delete in use":
        assert response["Status"] == "FAILED"
        assert re.search(r"is in use by \w+/prod:", response["Reason"]), response["Reason"]
    else:
        assert response["Status"] == "SUCCESS", response["Reason"]


@pytest.mark.parametrize(
    "pair", NEEDED_BY, ids=lambda pair: f"{pair[0]} on {pair[1].removeprefix(ROOT)}"
)
def test_operation_fails_without(pair: Pair, account: AccountWithRole) -> None:
    account.allow_only([other for other in NEEDED_BY if other != pair])
    operation = NEEDED_BY[pair]
    response = OPERATIONS[operation](account)
    assert response["Status"] == "FAILED", f"{operation} succeeds without {pair}"
    assert "not permitted" in response["Reason"]
    named = re.search(r"role needs (\S+) on (\S+);", response["Reason"])
    assert named, response["Reason"]
    assert named[1] == pair[0]
    assert fnmatch.fnmatchcase(named[2], pair[1].replace("[", "[[]"))
    if operation == "delete in use":
        assert "the stages could not all be read" in response["Reason"]


def test_security_page_lists_the_policy() -> None:
    document = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| `/(\S+)` \|", document, re.MULTILINE)
    listed = [
        (action, f"{ROOT}/{path.replace('{partition}', 'aws').replace('{region}', 'us-east-1')}")
        for action, path in rows
    ]
    assert sorted(listed) == sorted(NEEDED_BY)
