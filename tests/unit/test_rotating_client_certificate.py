"""`RotatingClientCertificate`: its custom resource, what surrounds it, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from cdk_apigateway_client_certificate import (
    ClientCertificate,
    ClientCertificateProvider,
    IClientCertificate,
)
from cdk_apigateway_client_certificate.rotating_client_certificate import (
    RotatingClientCertificate,
)
from lambda_handler.contract import RotatingProperty
from tests.unit.support import Json, of_type, references, the_only

ROTATING = "Custom::ApiGatewayRotatingClientCertificate"
FUNCTION = "AWS::Lambda::Function"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
RULE = "AWS::Events::Rule"
SCHEDULE = "AWS::Scheduler::Schedule"
STAGE = "AWS::ApiGateway::Stage"


@pytest.fixture
def app() -> cdk.App:
    return cdk.App()


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture
def api(stack: cdk.Stack) -> apigateway.RestApi:
    return rest_api(stack)


def rest_api(stack: cdk.Stack, id: str = "Api", **options: Any) -> apigateway.RestApi:
    api = apigateway.RestApi(stack, id, cloud_watch_role=False, **options)
    api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    return api


def health_of(api: apigateway.RestApi) -> apigateway.Method:
    integration = apigateway.HttpIntegration("https://backend.example.com/health")
    return api.root.add_resource("health").add_method("GET", integration)


def rotating(scope: Any, api: apigateway.RestApi, **options: Any) -> RotatingClientCertificate:
    arguments: dict[str, Any] = {
        "stages": [api.deployment_stage],
        "trust_parameter_name": "/orders/trusted-clients",
        **options,
    }
    return RotatingClientCertificate(scope, arguments.pop("id", "Rotating"), **arguments)


def synthesize(stack: cdk.Stack) -> Json:
    return Template.from_stack(stack).to_json()


def properties(template: Json) -> Json:
    _, resource = the_only(template, ROTATING)
    found: Json = resource["Properties"]
    return found


def flat(value: Any) -> str:
    """A text of the template, with `<logical ID>` and `<logical ID.attribute>` for references."""
    match value:
        case str(text):
            return text
        case {"Fn::Join": [str(delimiter), [*parts]]}:
            return delimiter.join(map(flat, parts))
        case {"Fn::Join": [str(delimiter), {"Fn::Split": [str(at), text]}]}:
            return flat(text).replace(at, delimiter)
        case {"Ref": str(id)}:
            return f"<{id}>"
        case {"Fn::GetAtt": [str(id), str(attribute)]}:
            return f"<{id}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return f"<import {flat(name)}>"
    raise AssertionError(value)


# The custom resource


def test_properties(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(
        stack,
        api,
        description="orders",
        tags={"team": "edge"},
        rotate_before_expiry=cdk.Duration.days(90),
        overlap=cdk.Duration.hours(12),
        backend_checks=[health_of(api)],
        rotation_reason="2027-01 audit",
        adopt_client_certificate_id="abc123",
    )
    template = synthesize(stack)
    found = properties(template)
    [rest] = of_type(template, "AWS::ApiGateway::RestApi")
    [stage] = of_type(template, STAGE)
    [health] = of_type(template, "AWS::ApiGateway::Resource")
    assert found.pop("ServiceToken") == {"Fn::GetAtt": [the_only(template, FUNCTION)[0], "Arn"]}
    assert found.pop("ServiceTimeout") == "1200"
    assert len(found.pop("StageSettings")) == 64
    assert [flat(path) for path in found.pop("Stages")] == [f"/restapis/<{rest}>/stages/<{stage}>"]
    assert [flat(path) for path in found.pop("BackendChecks")] == [
        f"/restapis/<{rest}>/resources/<{health}>/methods/GET"
    ]
    assert found == {
        "Description": "orders",
        "Tags": [{"Key": "team", "Value": "edge"}],
        "AdoptClientCertificateId": "abc123",
        "TrustParameterName": "/orders/trusted-clients",
        "RotateBeforeExpirySeconds": 90 * 86400,
        "OverlapSeconds": 43200,
        "RotationReason": "2027-01 audit",
    }


def test_properties_without_options(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api)
    found = properties(synthesize(stack))
    assert found.keys() - {"ServiceToken", "ServiceTimeout"} == {
        "Stages",
        "TrustParameterName",
        "RotateBeforeExpirySeconds",
        "OverlapSeconds",
        "StageSettings",
    }
    assert found["RotateBeforeExpirySeconds"] == 60 * 86400
    assert found["OverlapSeconds"] == 14 * 86400
    assert found.keys() - {"ServiceToken", "ServiceTimeout"} <= RotatingProperty.ALL


def test_web_socket_stage(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    socket = apigatewayv2.WebSocketApi(stack, "Socket")
    stage = apigatewayv2.WebSocketStage(stack, "V1", web_socket_api=socket, stage_name="v1")
    rotating(stack, api, stages=[stage, api.deployment_stage])
    template = synthesize(stack)
    [api_id] = of_type(template, "AWS::ApiGatewayV2::Api")
    [stage_id] = of_type(template, "AWS::ApiGatewayV2::Stage")
    assert flat(properties(template)["Stages"][0]) == f"/apis/<{api_id}>/stages/<{stage_id}>"


def test_is_created_after_its_stages_and_before_schedule_and_rule(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    certificate, resource = the_only(template, ROTATING)
    for needed in (STAGE, FUNCTION, MANAGED_POLICY):
        assert set(of_type(template, needed)) <= references(resource)
    for later in (SCHEDULE, RULE):
        assert certificate in references(the_only(template, later)[1])


def test_policies_outlive_the_function_and_its_log_group_the_policies(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    _, function = the_only(template, FUNCTION)
    [role] = references(function["Properties"]["Role"])
    [log_group] = of_type(template, "AWS::Logs::LogGroup")
    assert log_group in references(template["Resources"][role])


@pytest.mark.parametrize(
    ("policy", "deletion"),
    [(cdk.RemovalPolicy.DESTROY, "Delete"), (cdk.RemovalPolicy.RETAIN, "Retain")],
)
def test_removal_policy(
    stack: cdk.Stack, api: apigateway.RestApi, policy: cdk.RemovalPolicy, deletion: str
) -> None:
    rotating(stack, api, removal_policy=policy)
    _, resource = the_only(synthesize(stack), ROTATING)
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == deletion


def test_attributes(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    certificate: IClientCertificate = rotating(stack, api)
    [logical_id] = of_type(synthesize(stack), ROTATING)
    attributes = {
        "client_certificate_id": "ClientCertificateId",
        "client_certificate_arn": "ClientCertificateArn",
        "pem_encoded_certificate": "PemEncodedCertificate",
        "created_date": "CreatedDate",
        "expiration_date": "ExpirationDate",
    }
    assert {name: stack.resolve(getattr(certificate, name)) for name in attributes} == {
        name: {"Fn::GetAtt": [logical_id, attribute]} for name, attribute in attributes.items()
    }


def test_has_all_that_a_client_certificate_has() -> None:
    for name in {name for name in vars(IClientCertificate) if not name.startswith("_")}:
        assert hasattr(RotatingClientCertificate, name), name


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda it, stage: it.attach_to(stage), "list the stage in stages"),
        (lambda it, stage: it.publish_to_parameter("/other"), "use trust_parameter"),
        (lambda it, stage: it.grant_read(iam.User(stage, "User")), r"trust_parameter\.grant_read"),
    ],
)
def test_refuses_what_a_rotation_would_undo(
    stack: cdk.Stack, api: apigateway.RestApi, call: Any, remedy: str
) -> None:
    certificate = rotating(stack, api)
    with pytest.raises(ValueError, match=remedy) as error:
        call(certificate, api.deployment_stage)
    assert str(error.value).startswith("Stack/Rotating: ")


# Tags


def test_tags_of_app_and_stack_reach_it(app: cdk.App, api: apigateway.RestApi) -> None:
    stack = cdk.Stack(app, "Tagged", tags={"stack": "s"})
    certificate = rotating(stack, rest_api(stack), tags={"own": "o"})
    cdk.Tags.of(app).add("app", "a")
    cdk.Tags.of(certificate).add("only", "x", include_resource_types=[ROTATING])
    assert properties(synthesize(stack))["Tags"] == [
        {"Key": key, "Value": value}
        for key, value in {"app": "a", "only": "x", "own": "o", "stack": "s"}.items()
    ]


def test_takes_42_tags(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, tags={f"key-{number}": "" for number in range(42)})
    assert len(properties(synthesize(stack))["Tags"]) == 42


def test_refuses_43_tags(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match=r"too many tags: 43; .* needs 8: keep 42 or fewer"):
        rotating(stack, api, tags={f"key-{number}": "" for number in range(43)})


def test_refuses_43_tags_from_everywhere(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, tags={f"key-{number}": "" for number in range(42)})
    cdk.Tags.of(stack).add("one-more", "")
    with pytest.raises(RuntimeError, match="too many tags: 43"):
        app.synth()


# The trust parameter


def test_trust_parameter_can_be_read_before_it_exists(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    """A role of the backend that the API calls must not wait for the certificate: a cycle."""
    certificate = rotating(stack, api)
    user = iam.User(stack, "Backend")
    certificate.trust_parameter.grant_read(user)
    template = synthesize(stack)
    _, policy = the_only(template, "AWS::IAM::Policy")
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert flat(statement["Resource"]) == (
        "arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/orders/trusted-clients"
    )
    assert not references(policy) & set(of_type(template, ROTATING))


def test_what_depends_on_the_trust_parameter_waits_for_it(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    certificate = rotating(stack, api)
    reader = iam.User(stack, "Reader")
    reader.node.add_dependency(certificate.trust_parameter)
    template = synthesize(stack)
    [logical_id] = of_type(template, ROTATING)
    assert the_only(template, "AWS::IAM::User")[1]["DependsOn"] == [logical_id]


def test_value_of_the_trust_parameter_is_read_at_deploy(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    certificate = rotating(stack, api)
    assert stack.resolve(certificate.trust_parameter.string_value) == (
        "{{resolve:ssm:/orders/trusted-clients}}"
    )
    assert not [it for it in synthesize(stack).get("Parameters", {}) if "Trust" in it]


@pytest.mark.parametrize("name", ["plain-name_1.x", "/a", "/a/b-c/d.e_f", "/" + "/".join("a" * 15)])
def test_takes_the_parameter_name(stack: cdk.Stack, api: apigateway.RestApi, name: str) -> None:
    rotating(stack, api, trust_parameter_name=name)
    template = synthesize(stack)
    assert properties(template)["TrustParameterName"] == name
    resource = f":parameter{'' if name.startswith('/') else '/'}{name}"
    assert any(it.endswith(resource) for it in resources_of(template, "ssm:GetParameter"))


def test_takes_a_parameter_name_with_a_token(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, trust_parameter_name=f"/{cdk.Aws.STACK_NAME}/trusted")
    template = synthesize(stack)
    assert flat(properties(template)["TrustParameterName"]) == "/<AWS::StackName>/trusted"
    [resource] = resources_of(template, "ssm:PutParameter")
    assert resource.endswith(":parameter/<AWS::StackName>/trusted")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is not made of letters"),
        ("/orders/trusted clients", "is not made of letters"),
        ("orders/trusted", "has levels but no leading"),
        ("/orders/", "has an empty level"),
        ("/orders//trusted", "has an empty level"),
        ("/" + "/".join("a" * 16), "has 16 levels: use 15 or fewer"),
        ("/aws/trusted", "which AWS reserves: rename it"),
        ("SSM-trusted", "which AWS reserves: rename it"),
        ("/" + "a" * 900, "has 901 characters: use 900 or fewer"),
    ],
)
def test_refuses_the_parameter_name(
    stack: cdk.Stack, api: apigateway.RestApi, name: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        rotating(stack, api, trust_parameter_name=name)
    assert str(error.value).startswith("Stack/Rotating: parameter name ")


def test_refuses_a_parameter_name_that_starts_with_a_token(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    with pytest.raises(ValueError, match=r"starts with a token, .*: start it with"):
        rotating(stack, api, trust_parameter_name=f"{cdk.Aws.STACK_NAME}/trusted")


# Times


@pytest.mark.parametrize(("before", "overlap"), [(29, 14), (336, 14), (1, 0), (364, 0), (182, 90)])
def test_takes_times(stack: cdk.Stack, api: apigateway.RestApi, before: int, overlap: int) -> None:
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
def test_refuses_times(
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


# Stages


def test_refuses_no_stages(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match="stages is empty: list at least one stage"):
        rotating(stack, api, stages=[])


def test_refuses_a_stage_twice(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    stage = api.deployment_stage
    with pytest.raises(ValueError, match="is listed twice: remove one"):
        rotating(stack, api, stages=[stage, stage.node.default_child])


def imported_stage(stack: cdk.Stack) -> apigateway.IStage:
    api = apigateway.RestApi.from_rest_api_id(stack, "ImportedApi", "abc")
    return apigateway.Stage.from_stage_attributes(stack, "Imported", stage_name="v1", rest_api=api)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (imported_stage, "stage 'Stack/Imported' was imported"),
        (lambda stack: apigatewayv2.HttpApi(stack, "Http").default_stage, "HTTP API"),
        (lambda stack: iam.User(stack, "User"), "is not a stage of a REST API"),
    ],
)
def test_refuses_a_stage(
    stack: cdk.Stack, api: apigateway.RestApi, stage: Callable[[cdk.Stack], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        rotating(stack, api, stages=[stage(stack)])
    assert str(error.value).startswith("Stack/Rotating: ")


@pytest.mark.parametrize("env", [{"region": "us-east-1"}, {"account": "2" * 12}])
def test_refuses_a_stage_elsewhere(app: cdk.App, env: dict[str, str]) -> None:
    home = {"account": "1" * 12, "region": "eu-west-1"}
    stack = cdk.Stack(app, "Home", env=cdk.Environment(**home))
    other = cdk.Stack(app, "Other", env=cdk.Environment(**{**home, **env}))
    with pytest.raises(ValueError, match="create a RotatingClientCertificate in each") as error:
        rotating(stack, rest_api(other))
    assert "aws://111111111111/eu-west-1" in str(error.value)


def test_stage_in_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    other = cdk.Stack(app, "Front")
    api = rest_api(other)
    rotating(stack, api, backend_checks=[health_of(api)])
    template = synthesize(stack)
    assert flat(properties(template)["Stages"][0]).startswith("/restapis/<import Front:")
    assert stack.dependencies == [other]
    _, rule = the_only(template, RULE)
    [stack_id] = rule["Properties"]["EventPattern"]["detail"]["stack-id"]
    assert "AWSStackId" in flat(stack_id)


def test_stage_in_a_nested_stack(app: cdk.App, stack: cdk.Stack) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    rotating(stack, rest_api(nested))
    template = synthesize(stack)
    assert len(properties(template)["StageSettings"]) == 64
    assert set(of_type(template, "AWS::CloudFormation::Stack")) <= references(
        the_only(template, ROTATING)[1]
    )


def test_certificate_in_a_nested_stack(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    rotating(nested, api)
    assert len(properties(synthesize(nested))["StageSettings"]) == 64


def l1(api: apigateway.RestApi) -> apigateway.CfnStage:
    stage = api.deployment_stage.node.default_child
    assert isinstance(stage, apigateway.CfnStage)
    return stage


def name_by_argument(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    l1(api).client_certificate_id = "abc123"


def name_by_override(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    l1(api).add_property_override("ClientCertificateId", "abc123")


def name_by_attaching(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    ClientCertificate(stack, "Other").attach_to(api.deployment_stage)


@pytest.mark.parametrize("name", [name_by_argument, name_by_override, name_by_attaching])
def test_refuses_a_stage_whose_template_names_a_certificate(
    app: cdk.App,
    stack: cdk.Stack,
    api: apigateway.RestApi,
    name: Callable[[cdk.Stack, apigateway.RestApi], None],
) -> None:
    rotating(stack, api)
    name(stack, api)
    with pytest.raises(RuntimeError, match=r"names client certificate .*: remove it") as error:
        app.synth()
    assert "adopt_client_certificate_id" in str(error.value)


def test_refuses_a_named_certificate_in_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    api = rest_api(cdk.Stack(app, "Front"))
    rotating(stack, api)
    name_by_override(stack, api)
    with pytest.raises(RuntimeError, match=r"stage 'Front/Api/DeploymentStage\.prod/Resource'"):
        app.synth()


@pytest.mark.parametrize("same", ["stage", "parameter"])
def test_two_certificates_never_share(stack: cdk.Stack, api: apigateway.RestApi, same: str) -> None:
    rotating(stack, api, id="First")
    second: dict[str, Any] = (
        {"trust_parameter_name": "/other"}
        if same == "stage"
        else {"stages": [rest_api(stack, "Second").deployment_stage]}
    )
    with pytest.raises(ValueError, match="'Stack/First' has the same stage or trust parameter"):
        rotating(stack, api, **second)


# StageSettings


def settings(
    change: Callable[[apigateway.RestApi], object] = lambda api: None, *, apart: bool = False
) -> str:
    """The property, for an API in the same stack or in another one."""
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


# Backend checks


def test_head_method_and_plain_http_integration(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    integration = apigateway.HttpIntegration("https://backend.example.com/", proxy=False)
    check = api.root.add_resource("health").add_method("HEAD", integration)
    rotating(stack, api, backend_checks=[check])
    [path] = properties(synthesize(stack))["BackendChecks"]
    assert flat(path).endswith("/methods/HEAD")


@pytest.mark.parametrize(
    ("verb", "integration", "message"),
    [
        ("POST", apigateway.HttpIntegration("https://x.example.com/"), "is a POST method"),
        ("ANY", apigateway.HttpIntegration("https://x.example.com/"), "is a ANY method"),
        ("GET", apigateway.MockIntegration(), "has integration type MOCK"),
    ],
)
def test_refuses_a_check(
    app: cdk.App,
    stack: cdk.Stack,
    api: apigateway.RestApi,
    verb: str,
    integration: apigateway.Integration,
    message: str,
) -> None:
    check = api.root.add_resource("check").add_method(verb, integration)
    rotating(stack, api, backend_checks=[check])
    with pytest.raises(RuntimeError, match=message):
        app.synth()


def test_refuses_a_check_of_a_function(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    function = lambda_.Function.from_function_arn(
        stack, "Backend", "arn:aws:lambda:eu-west-1:111111111111:function:backend"
    )
    integration = apigateway.LambdaIntegration(function)
    check = api.root.add_resource("check").add_method("GET", integration)
    rotating(stack, api, backend_checks=[check])
    with pytest.raises(RuntimeError, match="has integration type AWS_PROXY"):
        app.synth()


def test_refuses_a_check_that_an_override_changed(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    check = health_of(api)
    rotating(stack, api, backend_checks=[check])
    method = check.node.default_child
    assert isinstance(method, apigateway.CfnMethod)
    method.add_property_override("Integration.Type", "MOCK")
    with pytest.raises(RuntimeError, match="has integration type MOCK"):
        app.synth()


def test_refuses_a_check_with_path_parameters(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    integration = apigateway.HttpIntegration("https://x.example.com/")
    orders = api.root.add_resource("orders").add_resource("{id}")
    with pytest.raises(ValueError, match=r"has the path '/orders/\{id\}'"):
        rotating(stack, api, backend_checks=[orders.add_method("GET", integration)])


def test_refuses_a_check_of_an_api_without_managed_stage(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    other = rest_api(stack, "Other")
    with pytest.raises(ValueError, match="REST API 'Stack/Other', which has no stage in stages"):
        rotating(stack, api, backend_checks=[health_of(other)])


def test_refuses_a_check_that_is_no_method(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match="is not a method of a REST API: use what add_method"):
        rotating(stack, api, backend_checks=[api.root])


def test_warns_of_stages_that_no_check_proves(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    second = rest_api(stack, "Second")
    stages = [api.deployment_stage, second.deployment_stage]
    rotating(stack, api, stages=stages, backend_checks=[health_of(second)])
    Annotations.from_stack(stack).has_warning(
        "/Stack/Rotating",
        Match.string_like_regexp(
            r"nothing proves .* before they present it: Stack/Api/\S+; pass a GET or HEAD"
        ),
    )


def test_does_not_warn_when_checks_prove_all_stages(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, backend_checks=[health_of(api)])
    Annotations.from_stack(stack).has_no_warning("/Stack/Rotating", Match.any_value())


# Schedule and rule


def test_schedule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    second = rest_api(stack, "Second")
    rotating(stack, api, description="a <b>", tags={"team": "edge"})
    rotating(stack, second, id="Other", trust_parameter_name="/other")
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    _, schedule = the_only(template, SCHEDULE)
    found = schedule["Properties"]
    assert found["ScheduleExpression"] == "rate(1 hour)"
    assert found["Target"]["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    assert found["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 3600,
        "MaximumRetryAttempts": 2,
    }
    task = json.loads(flat(found["Target"]["Input"]))
    assert task.keys() == {"task", "time", "resources"}
    assert task["task"] == "rotate"
    assert task["time"] == "<aws.scheduler.scheduled-time>"
    for described in task["resources"]:
        assert described.pop("StackId") == "<AWS::StackId>"
        desired = template["Resources"][described.pop("LogicalId")]["Properties"]
        assert described.pop("Stages") == [flat(path) for path in desired["Stages"]]
        ignored = {"ServiceToken", "ServiceTimeout", "StageSettings", "Stages"}
        assert described == {key: it for key, it in desired.items() if key not in ignored}
    assert len(task["resources"]) == 2


def test_schedule_may_invoke_this_function_only(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    _, schedule = the_only(template, SCHEDULE)
    [role] = references(schedule["Properties"]["Target"]["RoleArn"])
    [inline] = template["Resources"][role]["Properties"]["Policies"]
    assert inline["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::GetAtt": [function, "Arn"]},
        }
    ]


def test_rule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, description='a <b> "c"')
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    rule_id, rule = the_only(template, RULE)
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["source"] == ["aws.cloudformation"]
    assert pattern["detail-type"] == ["CloudFormation Stack Status Change"]
    assert pattern["detail"]["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert {"UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"} <= set(
        pattern["detail"]["status-details"]["status"]
    )
    [target] = rule["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time"}
    _, schedule = the_only(template, SCHEDULE)
    scheduled = json.loads(flat(schedule["Properties"]["Target"]["Input"]))
    text = flat(transformer["InputTemplate"]).replace("<time>", '"2027-01-01T00:00:00Z"')
    assert [*json.loads(text)] == ["task", "time", "resources"]
    assert json.loads(text.replace("\\u003cAWS", "<AWS"))["task"] == "rotate"
    assert json.loads(text)["resources"] == scheduled["resources"]
    _, permission = the_only(template, "AWS::Lambda::Permission")
    assert permission["Properties"]["SourceArn"] == {"Fn::GetAtt": [rule_id, "Arn"]}
    assert permission["Properties"]["Principal"] == "events.amazonaws.com"


def test_refuses_a_rule_whose_input_is_too_long(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, tags={f"key-{number}": "x" * 256 for number in range(42)})
    with pytest.raises(RuntimeError, match=r"characters as JSON, and EventBridge takes 8192"):
        app.synth()


# The function, and what it may do


def pairs(template: Json) -> set[tuple[str, str]]:
    """The pairs of action and resource that the rotation's function may use, but for its log."""
    [role] = [
        id
        for id, it in of_type(template, "AWS::IAM::Role").items()
        if "rotate API" in it["Properties"].get("Description", "")
    ]
    properties = template["Resources"][role]["Properties"]
    documents = [it["PolicyDocument"] for it in properties["Policies"]]
    for policy in of_type(template, MANAGED_POLICY).values():
        assert policy["Properties"]["Roles"] == [{"Ref": role}]
        documents.append(policy["Properties"]["PolicyDocument"])
    assert "ManagedPolicyArns" not in properties
    statements = [statement for document in documents for statement in document["Statement"]]
    assert all(it.keys() == {"Effect", "Action", "Resource"} for it in statements)
    return {
        (action, flat(resource))
        for it in statements
        for action in ([it["Action"]] if isinstance(it["Action"], str) else it["Action"])
        for resource in (it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]])
        if not action.startswith("logs:")
    }


def resources_of(template: Json, action: str) -> list[str]:
    return sorted(resource for found, resource in pairs(template) if found == action)


def test_function_may_do_this_and_nothing_else(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    socket = apigatewayv2.WebSocketApi(stack, "Socket")
    stage = apigatewayv2.WebSocketStage(stack, "V1", web_socket_api=socket, stage_name="v1")
    stages = [api.deployment_stage, stage]
    rotating(stack, api, stages=stages, backend_checks=[health_of(api)])
    template = synthesize(stack)
    [rest] = of_type(template, "AWS::ApiGateway::RestApi")
    [rest_stage] = of_type(template, STAGE)
    [health] = of_type(template, "AWS::ApiGateway::Resource")
    [web_socket] = of_type(template, "AWS::ApiGatewayV2::Api")
    [web_socket_stage] = of_type(template, "AWS::ApiGatewayV2::Stage")
    root = "arn:<AWS::Partition>:apigateway:<AWS::Region>::"
    encoded = "arn%3A<AWS::Partition>%3Aapigateway%3A<AWS::Region>%3A%3A%2Fclientcertificates%2F*"
    rest_path = f"{root}/restapis/<{rest}>/stages/<{rest_stage}>"
    web_socket_path = f"{root}/apis/<{web_socket}>/stages/<{web_socket_stage}>"
    account = "<AWS::Region>:<AWS::AccountId>"
    parameter = f"arn:<AWS::Partition>:ssm:{account}:parameter/orders/trusted-clients"
    assert pairs(template) == {
        ("apigateway:GET", f"{root}/clientcertificates"),
        ("apigateway:POST", f"{root}/clientcertificates"),
        ("apigateway:GET", f"{root}/clientcertificates/*"),
        ("apigateway:PATCH", f"{root}/clientcertificates/*"),
        ("apigateway:DELETE", f"{root}/clientcertificates/*"),
        ("apigateway:GET", f"{root}/tags/{encoded}"),
        ("apigateway:PUT", f"{root}/tags/{encoded}"),
        ("apigateway:DELETE", f"{root}/tags/{encoded}"),
        ("apigateway:GET", f"{root}/restapis"),
        ("apigateway:GET", f"{root}/restapis/*/stages"),
        ("apigateway:GET", f"{root}/apis"),
        ("apigateway:GET", f"{root}/apis/*/stages"),
        ("apigateway:GET", rest_path),
        ("apigateway:PATCH", rest_path),
        ("apigateway:GET", web_socket_path),
        ("apigateway:PATCH", web_socket_path),
        ("apigateway:POST", f"{root}/restapis/<{rest}>/resources/<{health}>/methods/GET"),
        ("ssm:AddTagsToResource", parameter),
        ("ssm:DeleteParameter", parameter),
        ("ssm:GetParameter", parameter),
        ("ssm:ListTagsForResource", parameter),
        ("ssm:PutParameter", parameter),
        ("events:PutEvents", f"arn:<AWS::Partition>:events:{account}:event-bus/default"),
    }


def test_certificates_of_a_stack_share_function_and_schedule(stack: cdk.Stack) -> None:
    for number in range(11):
        rotating(
            stack,
            rest_api(stack, f"Api{number}"),
            id=f"R{number}",
            trust_parameter_name=f"/{number}",
        )
    template = synthesize(stack)
    assert len(of_type(template, ROTATING)) == len(of_type(template, RULE)) == 11
    for one in (FUNCTION, SCHEDULE, "AWS::Logs::LogGroup"):
        the_only(template, one)
    assert len(of_type(template, MANAGED_POLICY)) == 2
    assert len(resources_of(template, "ssm:PutParameter")) == 11


def test_function_is_not_that_of_other_certificates(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    ClientCertificate(stack, "Plain")
    before = synthesize(cdk_copy_with_plain_certificate())
    rotating(stack, api)
    template = synthesize(stack)
    functions = of_type(template, FUNCTION)
    assert len(functions) == 2
    assert len({flat(it["Properties"]["Code"]["S3Key"]) for it in functions.values()}) == 1
    assert len({it["Properties"]["Handler"] for it in functions.values()}) == 1
    for id, resource in before["Resources"].items():
        assert template["Resources"][id] == resource


def cdk_copy_with_plain_certificate() -> cdk.Stack:
    stack = cdk.Stack(cdk.App(), "Stack")
    ClientCertificate(stack, "Plain")
    return stack


def policy_ids(*parameters: str, stages: int = 1) -> set[str]:
    """Logical IDs of the managed policies of a stack with these rotating certificates."""
    stack = cdk.Stack(cdk.App(), "Stack")
    for index, parameter in enumerate(parameters):
        apis = [rest_api(stack, f"Api{index}-{number}") for number in range(stages)]
        listed = [api.deployment_stage for api in apis]
        rotating(stack, apis[0], id=f"R{index}", stages=listed, trust_parameter_name=parameter)
    return set(of_type(synthesize(stack), MANAGED_POLICY))


def test_policy_is_replaced_when_its_statements_change() -> None:
    """So that the function may still detach a stage that a deploy removes: see `_rotation`."""
    one = policy_ids("/a")
    assert policy_ids("/a") == one
    for other in (policy_ids("/b"), policy_ids("/a", "/b"), policy_ids("/a", stages=2)):
        assert not one & other


def test_options_of_the_provider_apply(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    ClientCertificateProvider.configure(
        stack, memory_size=512, runtime=lambda_.Runtime.PYTHON_3_12, role=role
    )
    rotating(stack, api)
    functions = of_type(synthesize(stack), FUNCTION).values()
    assert [it["Properties"]["MemorySize"] for it in functions] == [512, 512]
    assert [it["Properties"]["Runtime"] for it in functions] == ["python3.12"] * 2
    assert len({str(it["Properties"]["Role"]) for it in functions}) == 2


def test_refuses_options_after_the_first_rotating_certificate(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api)
    with pytest.raises(ValueError, match="before the stack's first certificate"):
        ClientCertificateProvider.configure(stack, memory_size=512)


# Alarms


def test_alarm_on_rotation_held(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api).alarm_on_rotation_held("Held", alarm_name="held")
    template = synthesize(stack)
    [logical_id] = of_type(template, ROTATING)
    _, alarm = the_only(template, "AWS::CloudWatch::Alarm")
    found = alarm["Properties"]
    assert found["MetricName"] == "RotationHeld"
    assert {it["Name"]: it["Value"] for it in found["Dimensions"]} == {
        "StackName": {"Ref": "AWS::StackName"},
        "LogicalId": logical_id,
    }
    assert (found["Statistic"], found["Period"], found["EvaluationPeriods"]) == ("Minimum", 3600, 3)
    assert found["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert found["Threshold"] == 1
    assert found["TreatMissingData"] == "ignore"
    assert found["AlarmName"] == "held"


def test_alarm_on_check_failure_follows_the_hourly_runs(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api).alarm_on_check_failure("Failure")
    template = synthesize(stack)
    _, alarm = the_only(template, "AWS::CloudWatch::Alarm")
    assert (alarm["Properties"]["Period"], alarm["Properties"]["EvaluationPeriods"]) == (3600, 2)


def test_monitoring_adds_no_second_schedule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    certificate = rotating(stack, api)
    certificate.alarm_on_expiry("Expiry")
    certificate.metric_days_to_expiry()
    template = synthesize(stack)
    the_only(template, SCHEDULE)
    the_only(template, FUNCTION)


def test_import_is_lazy() -> None:
    """Modules that take long to import are imported where they are used."""
    source = Path(__file__).parents[2] / "constructs" / "cdk_apigateway_client_certificate"
    names = ("rotating_client_certificate", "_rotation", "_stack_update_rule", "_managed_stages")
    text = "".join((source / f"{name}.py").read_text() for name in names)
    for module in ("aws_events", "aws_scheduler", "aws_cloudwatch", "aws_apigatewayv2"):
        assert f"\nfrom aws_cdk import {module}" not in text
