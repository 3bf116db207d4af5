"""Assumptions about AWS that could not be verified while this project was developed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from . import certificates, permissions, stacks, stages
from .account import Account
from .backend import Backend
from .synthesis import Synthesis
from .verdict import Verdict, not_observed


@dataclass(frozen=True)
class Run:
    """The inputs of an observation."""

    account: Account
    synthesis: Synthesis
    backend: Backend | None


@dataclass(frozen=True)
class Claim:
    """One assumption.

    Attributes:
        text: The assumption.
        relied_on: Paths in this repository that rely on it.
        otherwise: What happens if it is wrong.
        creates: The resources that the observation creates; empty for a manual verification.
        by_hand: How to verify it manually, if `make verify-live` cannot.
        observe: Makes the observation.
    """

    text: str
    relied_on: Sequence[str]
    otherwise: str
    creates: str = ""
    by_hand: str = ""
    observe: Callable[[Run], Verdict] = lambda _run: not_observed("see docs/operate/unverified.md")
    needs_backend: bool = False


def _with_backend(observe: Callable[[Account, Backend], Verdict]) -> Callable[[Run], Verdict]:
    def observe_with_backend(run: Run) -> Verdict:
        if run.backend is None:
            return not_observed("no BACKEND_URL was given")
        return observe(run.account, run.backend)

    return observe_with_backend


_ROTATING: Final = "constructs/cdk_apigateway_client_certificate/rotating_client_certificate.py"

CLAIMS: Final = (
    Claim(
        "`GetClientCertificates` returns the tags of each certificate",
        ("lambda_handler/search.py",),
        "Handled: if no item of the list has tags, the function calls `GetTags` for each "
        "certificate, which is slower",
        "a client certificate",
        observe=lambda run: certificates.tags_in_list(run.account),
    ),
    Claim(
        "`GetClientCertificates` lists a new certificate within "
        f"{certificates.TOLERATED_LAG_SECONDS} seconds",
        ("lambda_handler/certificate.py",),
        "Not handled: a create whose response was lost is retried after that time, so it could "
        "create a second certificate, which exists until the stack is deleted",
        "three client certificates",
        observe=lambda run: certificates.list_lag(run.account),
    ),
    Claim(
        "Deleting a certificate that a stage of a REST API presents fails with HTTP 400 or 409",
        ("lambda_handler/deletion.py", "lambda_handler/faults.py"),
        "Handled for 400 and 409: the function waits for the stage. Another error would fail the "
        "deletion immediately; without an error, the stage would refer to a deleted certificate",
        "a client certificate and a REST API",
        observe=lambda run: stages.delete_in_use_by_rest(run.account),
    ),
    Claim(
        "Deleting a certificate that a stage of a WebSocket API presents fails with HTTP 400 or "
        "409",
        ("lambda_handler/deletion.py", "lambda_handler/faults.py"),
        "As for a REST API",
        "a client certificate and a WebSocket API",
        observe=lambda run: stages.delete_in_use_by_websocket(run.account),
    ),
    Claim(
        "`UpdateClientCertificate` with an empty description clears the description",
        ("lambda_handler/certificate.py", "lambda_handler/api_gateway.py"),
        "Not handled: a stack update that removes the description would fail or keep the old one",
        "a client certificate",
        observe=lambda run: certificates.empty_description(run.account),
    ),
    Claim(
        "The function's policy is sufficient to add, read and remove tags of a certificate",
        ("constructs/cdk_apigateway_client_certificate/_permissions.py", "SECURITY.md"),
        "Not handled: a stack update that changes tags would fail; the error names the missing "
        "permission",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_allowed(run.account, run.synthesis.function_policy()),
    ),
    Claim(
        "Adding tags requires `apigateway:PATCH` on the certificate in addition to "
        "`apigateway:PUT` on its tags",
        ("SECURITY.md",),
        "Harmless: the function needs `PATCH` for descriptions anyway",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_need_patch(
            run.account, run.synthesis.function_policy()
        ),
    ),
    Claim(
        "The function's policy allows access to the tags of client certificates only",
        ("constructs/cdk_apigateway_client_certificate/_permissions.py", "SECURITY.md"),
        "Not handled: the function could change the tags of other API Gateway resources",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_of_others(
            run.account, run.synthesis.function_policy()
        ),
    ),
    Claim(
        f"A certificate has {certificates.ASSUMED_STRUCTURE}",
        ("docs/how-to/trust.md", "examples/backends"),
        "Handled: the PEM is passed on unchanged. But it decides which backends accept two "
        "certificates at once, and how two PEMs can be joined",
        "a client certificate",
        observe=lambda run: certificates.structure(run.account),
    ),
    Claim(
        "A stage presents its new client certificate without a new deployment of the API",
        (
            "docs/how-to/replace.md",
            "docs/how-to/rotate.md",
            "constructs/cdk_apigateway_client_certificate/client_certificate.py",
        ),
        "Not handled: the stage would present the old certificate, which CloudFormation is about "
        "to delete, until the API is deployed again",
        "two client certificates and a REST API",
        observe=_with_backend(stages.presented_without_deployment),
        needs_backend=True,
    ),
    Claim(
        "`TestInvokeMethod` presents the certificate of its parameter `clientCertificateId`",
        (_ROTATING,),
        "Not handled: the backend checks of a rotation would prove nothing. If API Gateway "
        "presents none, a backend that requires one refuses, and the rotation is held",
        "a client certificate and a REST API",
        observe=_with_backend(stages.test_invoke),
        needs_backend=True,
    ),
    Claim(
        "CloudFormation does not change a stage's client certificate if the template sets none, "
        "even when another property of the stage changes",
        (_ROTATING,),
        "Handled: `attach_to` sets the certificate in the template. A rotating certificate is not "
        "in the template: its function would attach it again at the end of the update, and until "
        "then the stage would present none",
        "a client certificate and a CloudFormation stack with a REST API",
        observe=lambda run: stacks.unnamed_certificate(run.account),
    ),
    Claim(
        "CloudFormation resolves weak references (`Fn::GetStackOutput`) to a PEM in another stack "
        "of the same account and Region",
        (
            "constructs/cdk_apigateway_client_certificate/_weak_reference.py",
            "docs/how-to/use-the-pem.md",
        ),
        "Not handled: the other stack's deployment would fail. Use `publish_to_parameter` instead",
        "an S3 bucket and two CloudFormation stacks: the construct with its Lambda function, and "
        "an SSM parameter",
        observe=lambda run: stacks.weak_reference(run.account, run.synthesis),
    ),
    Claim(
        "An ALB's trust store accepts a client certificate of API Gateway as a CA",
        ("examples/backends/alb_trust_store.py",),
        "Not handled: the example's deployment would fail, or the ALB would refuse the stage. The "
        "other example backends are not affected",
        by_hand="deploy the example, attach the trust store to a listener with mutual TLS, and "
        "call it through a stage that presents the certificate",
    ),
    Claim(
        "`TestInvokeMethod` responds with a status of 400 or more if a backend takes longer than "
        "the integration's timeout, 29 s unless its quota was raised",
        ("lambda_handler/rotation/services.py",),
        "Handled: without a response within 33 s the run fails, and the rotation waits as if it "
        "were held; `alarm_on_check_failure` fires instead of `alarm_on_rotation_held`",
        by_hand="`aws apigateway test-invoke-method` for a method whose backend takes longer than "
        "29 s",
    ),
    Claim(
        "EventBridge Scheduler replaces `<aws.scheduler.scheduled-time>` in the input of a "
        "schedule with the time in ISO 8601",
        (
            "constructs/cdk_apigateway_client_certificate/_schedule.py",
            "lambda_handler/clock.py",
        ),
        "Handled: the function ignores a time that it cannot read and uses its own clock. A run "
        "that Lambda delivers late would count as one of that moment",
        by_hand="create a schedule with the same input whose target is an SQS queue, wait "
        "until it fires, and read `time` in the message",
    ),
    Claim(
        "A rule for `CloudFormation Stack Status Change` fires when the update of a stack has "
        "ended, and inserts the event's time into its input with quotes",
        ("constructs/cdk_apigateway_client_certificate/_stack_update_rule.py",),
        "Handled: the schedule runs the rotation within an hour, and the custom resource does in "
        "the same deploy",
        by_hand="deploy `examples/rotating.py`, add a stage variable and deploy again, and look "
        "for a run in the function's log within a minute after the update",
    ),
    Claim(
        "Stages of one app and a StackSet deploy the stack to several accounts and Regions",
        ("docs/how-to/many-accounts.md", "examples/stages.py", "examples/stack_set.py"),
        "Not handled: the deployment would fail. Tests check the templates only",
        by_hand="follow docs/how-to/many-accounts.md with two accounts",
    ),
)
"""In the order in which they are observed: the slowest come last."""
