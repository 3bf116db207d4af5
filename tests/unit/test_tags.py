"""Test tags from every source that CDK has, and their validation."""

from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk.assertions import Annotations, Match, Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, of_type, the_only


@jsii.implements(cdk.IStableStringProducer)
class Nothing:
    """A token that resolves to nothing."""

    def produce(self) -> str | None:
        return None


def tags_of(stack: cdk.Stack) -> dict[str, str] | None:
    """Return the tags of the stack's only certificate, or None without the property."""
    _, certificate = the_only(Template.from_stack(stack).to_json(), CERTIFICATE)
    tags = certificate["Properties"].get("Tags")
    return None if tags is None else {tag["Key"]: tag["Value"] for tag in tags}


@pytest.fixture
def certificate(stack: cdk.Stack) -> ClientCertificate:
    return ClientCertificate(stack, "Certificate", tags={"own": "own"})


def test_tags_of_app_stack_and_construct_reach_the_certificate(
    app: cdk.App, stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    cdk.Tags.of(app).add("app", "a")
    cdk.Tags.of(stack).add("stack", "s")
    cdk.Tags.of(certificate).add("construct", "c")
    assert tags_of(stack) == {"app": "a", "construct": "c", "own": "own", "stack": "s"}


def test_nearer_scope_wins(app: cdk.App, stack: cdk.Stack, certificate: ClientCertificate) -> None:
    for scope, value in ((certificate, "certificate"), (stack, "stack"), (app, "app")):
        cdk.Tags.of(scope).add("who", value)
    assert tags_of(stack) == {"own": "own", "who": "certificate"}


@pytest.mark.usefixtures("certificate")
def test_aspect_wins_over_the_argument(app: cdk.App, stack: cdk.Stack) -> None:
    cdk.Tags.of(app).add("own", "app")
    assert tags_of(stack) == {"own": "app"}


@pytest.mark.parametrize(("priority", "winner"), [(49, "own"), (50, "aspect")])
def test_argument_wins_over_an_aspect_with_a_priority_below_50(
    stack: cdk.Stack, certificate: ClientCertificate, priority: int, winner: str
) -> None:
    cdk.Tags.of(certificate).add("own", "aspect", priority=priority)
    assert tags_of(stack) == {"own": winner}


def test_priority_wins_over_a_nearer_scope(
    app: cdk.App, stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    cdk.Tags.of(app).add("who", "app", priority=300)
    cdk.Tags.of(certificate).add("who", "certificate")
    cdk.Tags.of(app).add("own", "app", priority=10)  # lower than an argument's priority
    assert tags_of(stack) == {"own": "own", "who": "app"}


def test_removes_tags(app: cdk.App, stack: cdk.Stack, certificate: ClientCertificate) -> None:
    cdk.Tags.of(app).add("who", "app")
    cdk.Tags.of(certificate).remove("who")
    cdk.Tags.of(certificate).remove("own", priority=300)
    assert tags_of(stack) is None


@pytest.mark.usefixtures("certificate")
def test_tags_respect_included_and_excluded_resource_types(app: cdk.App, stack: cdk.Stack) -> None:
    tags = cdk.Tags.of(app)
    tags.add("excluded", "x", exclude_resource_types=[CERTIFICATE])
    tags.add("others", "x", include_resource_types=["AWS::IAM::Role"])
    tags.add("included", "x", include_resource_types=[CERTIFICATE])
    cdk.Tags.of(stack).remove("included", exclude_resource_types=[CERTIFICATE])
    assert tags_of(stack) == {"included": "x", "own": "own"}
    _, role = the_only(Template.from_stack(stack).to_json(), "AWS::IAM::Role")
    assert [tag["Key"] for tag in role["Properties"]["Tags"]] == ["excluded", "others"]


def test_argument_wins_over_stack_tags(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Stack", tags={"stack": "s", "own": "stack"})
    ClientCertificate(stack, "Certificate", tags={"own": "own"})
    assert tags_of(stack) == {"own": "own", "stack": "s"}


def test_stack_tag_added_later_reaches_the_certificate(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate", tags={"own": "own"})
    stack.add_stack_tag("late", "l")
    stack.add_stack_tag("own", "stack")
    assert tags_of(stack) == {"late": "l", "own": "own"}


def test_stack_tag_added_later_can_be_removed(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    cdk.Tags.of(certificate).remove("late")
    stack.add_stack_tag("late", "l")
    assert tags_of(stack) == {"own": "own"}


def test_parent_stack_tag_added_later_reaches_a_nested_stack(app: cdk.App) -> None:
    parent = cdk.Stack(app, "Parent")
    nested = cdk.NestedStack(parent, "Nested")
    ClientCertificate(nested, "Certificate")
    parent.add_stack_tag("late", "parent")
    nested.add_stack_tag("late", "nested")
    assert tags_of(nested) == {"late": "nested"}


@pytest.mark.parametrize(
    "value",
    [None, cdk.Aws.NO_VALUE, cdk.Lazy.string(Nothing())],
    ids=["None", "AWS::NoValue", "a token for nothing"],
)
def test_omits_a_tag_without_a_value(stack: cdk.Stack, value: str | None) -> None:
    ClientCertificate(stack, "Certificate", tags={"team": "edge", "owner": value})
    assert tags_of(stack) == {"team": "edge"}


def test_omits_an_aspects_tag_without_a_value(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    cdk.Tags.of(certificate).add("owner", cdk.Aws.NO_VALUE)
    assert tags_of(stack) == {"own": "own"}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"n": 5}, "value of tag 'n' must be a string, not 5: write '5'"),
        ({5: "v"}, "tag key 5 must be a string: write '5'"),
        ([cdk.CfnTag(key="team", value="edge")], "tags must map keys to values, not [CfnTag("),
        ([], "tags must map keys to values, not []: write tags={'team': 'edge'}"),
        ("team=edge", "tags must map keys to values, not 'team=edge': write"),
    ],
)
def test_refuses_tags_of_the_wrong_type(stack: cdk.Stack, tags: Any, message: str) -> None:
    with pytest.raises(TypeError) as error:
        ClientCertificate(stack, "Certificate", tags=tags)
    assert str(error.value).startswith(f"Stack/Certificate: {message}")


def test_nested_stack_inherits_its_parents_tags(app: cdk.App) -> None:
    # CloudFormation propagates a stack's tags to its nested stacks.
    parent = cdk.Stack(app, "Parent", tags={"parent": "p", "who": "parent"})
    nested = cdk.NestedStack(parent, "Nested")
    cdk.Tags.of(nested).add("who", "nested")
    ClientCertificate(nested, "Certificate")
    assert tags_of(nested) == {"parent": "p", "who": "nested"}


def test_stack_tag_can_be_removed(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Stack", tags={"stack": "s"})
    certificate = ClientCertificate(stack, "Certificate")
    cdk.Tags.of(certificate).remove("stack")
    assert tags_of(stack) is None


def test_lookup_ignores_tags(app: cdk.App, stack: cdk.Stack) -> None:
    cdk.Tags.of(app).add("who", "app")
    ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123")
    _, found = the_only(Template.from_stack(stack).to_json(), f"{CERTIFICATE}Lookup")
    assert "Tags" not in found["Properties"]


def test_tag_order_does_not_change_the_template() -> None:
    texts = []
    for keys in ("bac", "cab"):
        stack = cdk.Stack(cdk.App(), "Stack")
        certificate = ClientCertificate(stack, "Certificate", tags=dict.fromkeys(keys, "x"))
        for key in keys:
            cdk.Tags.of(certificate).add(key.upper(), "x")
        _, found = the_only(Template.from_stack(stack).to_json(), CERTIFICATE)
        texts.append(found["Properties"]["Tags"])
    assert texts[0] == texts[1]
    assert [tag["Key"] for tag in texts[0]] == ["A", "B", "C", "a", "b", "c"]


def test_copies_the_tags_argument(
    stack: cdk.Stack,
) -> None:
    tags = {"a": "1"}
    ClientCertificate(stack, "Certificate", tags=tags)
    tags["b"] = "2"
    assert tags_of(stack) == {"a": "1"}


def test_token_values_are_not_validated(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    cdk.Tags.of(certificate).add("region", cdk.Aws.REGION)
    assert tags_of(stack) == {"own": "own", "region": {"Ref": "AWS::Region"}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("aws:x", "v", "tag key 'aws:x' starts with 'aws:'"),
        ("AWS:x", "v", "tag key 'AWS:x' starts with 'aws:'"),
        ("k" * 129, "v", "has 129 characters"),
        ("k", "v" * 257, "value of tag 'k' has 257 characters"),
        ("client-certificate:request-id", "v", "which this resource uses: rename it"),
        ("k;", "v", "has characters that a tag cannot hold"),
        ("k;", "v", "remove it from this resource with Tags.of(certificate).remove('k;')"),
    ],
)
@pytest.mark.usefixtures("certificate")
def test_tags_from_aspects_are_validated_at_synth(
    app: cdk.App, key: str, value: str, message: str
) -> None:
    cdk.Tags.of(app).add(key, value, include_resource_types=[CERTIFICATE])
    with pytest.raises(RuntimeError, match="Stack/Certificate") as error:
        app.synth()
    assert message in str(error.value)


def test_tag_limit_counts_tags_from_all_sources(app: cdk.App) -> None:
    full, overfull = (cdk.Stack(app, id, tags={"stack": "s"}) for id in ("Full", "Overfull"))
    for stack in (full, overfull):
        certificate = ClientCertificate(stack, "It", tags={f"k{n}": "" for n in range(45)})
        cdk.Tags.of(certificate).add("aspect", "a")
    cdk.Tags.of(overfull).add("one", "more")
    with pytest.raises(RuntimeError, match="Overfull/It") as error:
        app.synth()
    assert "too many tags: 48; a client certificate takes 50" in str(error.value)
    assert "Full/It" not in str(error.value).replace("Overfull/It", "")


def test_warns_about_characters_that_api_gateway_may_refuse(app: cdk.App, stack: cdk.Stack) -> None:
    certificate = ClientCertificate(stack, "Certificate", tags={"Owner": "Team A"})
    cdk.Tags.of(app).add("mail", "a@b.example", include_resource_types=[CERTIFICATE])
    cdk.Tags.of(certificate).add("safe", "aZ09+-=._:/")
    cdk.Tags.of(certificate).add("équipe", "東京")
    assert tags_of(stack) == {
        "Owner": "Team A",
        "mail": "a@b.example",
        "safe": "aZ09+-=._:/",
        "équipe": "東京",
    }
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("^tag "))
    assert {warning.id for warning in warnings} == {"/Stack/Certificate"}
    assert sorted(str(warning.entry.data).partition(" has ")[0] for warning in warnings) == [
        "tag 'Owner' = 'Team A'",
        "tag 'mail' = 'a@b.example'",
        "tag 'équipe' = '東京'",
    ]
    messages = [str(warning.entry.data) for warning in warnings]
    assert any("with Tags.of(certificate).remove('équipe')" in message for message in messages)


def test_suggested_removal_silences_the_warning(app: cdk.App, stack: cdk.Stack) -> None:
    certificate = ClientCertificate(stack, "Certificate")
    cdk.Tags.of(app).add("équipe", "a")
    cdk.Tags.of(certificate).remove("équipe")
    assert tags_of(stack) is None
    Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("^tag "))


def test_warning_can_be_acknowledged(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate", tags={"Owner": "Team A"})
    # On the stack: the oldest aws-cdk-lib ignores an acknowledgement on the construct itself.
    cdk.Annotations.of(stack).acknowledge_warning("cdk-apigateway-client-certificate:tagCharacters")
    Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("^tag "))


def test_certificates_in_a_stack_have_separate_tags(stack: cdk.Stack) -> None:
    for name in ("One", "Two"):
        cdk.Tags.of(ClientCertificate(stack, name, tags={"own": name})).add("who", name)
    found = of_type(Template.from_stack(stack).to_json(), CERTIFICATE)
    assert [it["Properties"]["Tags"] for it in found.values()] == [
        [{"Key": "own", "Value": name}, {"Key": "who", "Value": name}] for name in ("One", "Two")
    ]
