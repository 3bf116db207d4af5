"""What this project assumes of AWS without having seen it, for the run and for the docs."""

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
    """What an observation can use."""

    account: Account
    synthesis: Synthesis
    backend: Backend | None


@dataclass(frozen=True)
class Claim:
    """One assumption.

    Attributes:
        text: what is assumed.
        relied_on: where, as paths in this repository.
        otherwise: what happens if it is not so.
        creates: what the observation creates, empty if it is made by hand.
        by_hand: how to verify it where `make verify-live` does not.
        observe: makes the observation.
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


CLAIMS: Final = (
    Claim(
        "`GetClientCertificates` returns the tags of each certificate",
        ("lambda_handler/search.py",),
        "Handled: where no item of the list has tags, the function calls `GetTags` for each "
        "certificate. That is slower: one call a certificate",
        "a client certificate",
        observe=lambda run: certificates.tags_in_list(run.account),
    ),
    Claim(
        "`GetClientCertificates` lists a new certificate within "
        f"{certificates.BORNE_LAG_SECONDS} seconds",
        ("lambda_handler/certificate.py",),
        "Not handled: a create whose response was lost is repeated after that time, so that a "
        "second certificate could be created, which only the deletion of the stack removes",
        "three client certificates",
        observe=lambda run: certificates.list_lag(run.account),
    ),
    Claim(
        "Deleting a certificate that a stage of a REST API presents fails with HTTP 400 or 409",
        ("lambda_handler/deletion.py", "lambda_handler/faults.py"),
        "Handled for 400 and 409: the function waits for the stage. Another error would fail the "
        "deletion at once; no error would leave a stage with a certificate that is gone",
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
        "The function's policy suffices to add, read and remove tags of a certificate",
        ("constructs/cdk_apigateway_client_certificate/_provider.py", "SECURITY.md"),
        "Not handled: a stack update that changes tags would fail; the error names the permission "
        "that is missing",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_allowed(run.account, run.synthesis.function_policy()),
    ),
    Claim(
        "Adding tags needs `apigateway:PATCH` on the certificate besides `apigateway:PUT` on its "
        "tags",
        ("SECURITY.md",),
        "Harmless: the function needs `PATCH` for descriptions anyway",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_need_patch(
            run.account, run.synthesis.function_policy()
        ),
    ),
    Claim(
        "The function's policy does not reach the tags of anything but client certificates",
        ("constructs/cdk_apigateway_client_certificate/_provider.py", "SECURITY.md"),
        "Not handled: the function could change the tags of other API Gateway resources",
        "a client certificate and an IAM role",
        observe=lambda run: permissions.tags_of_others(
            run.account, run.synthesis.function_policy()
        ),
    ),
    Claim(
        f"A certificate has {certificates.ASSUMED_STRUCTURE}",
        ("docs/how-to/trust.md", "examples/backends"),
        "Handled: the PEM is passed on as it is. Which backends accept two certificates at once "
        "depends on it, and whoever joins two PEMs has to look at the line breaks",
        "a client certificate",
        observe=lambda run: certificates.structure(run.account),
    ),
    Claim(
        "A stage whose client certificate was changed presents the new one without a new "
        "deployment",
        (
            "docs/how-to/replace.md",
            "constructs/cdk_apigateway_client_certificate/client_certificate.py",
        ),
        "Not handled: the stage would present the old certificate, which CloudFormation is about "
        "to delete, until the API is deployed again",
        "two client certificates and a REST API",
        observe=_with_backend(stages.presented_without_deployment),
        needs_backend=True,
    ),
    Claim(
        "`TestInvokeMethod` presents the certificate that `clientCertificateId` names",
        (),
        "Nothing relies on it yet",
        "a client certificate and a REST API",
        observe=_with_backend(stages.test_invoke),
        needs_backend=True,
    ),
    Claim(
        "CloudFormation leaves a stage's client certificate alone if the template does not name "
        "one, also when another property of the stage changes",
        (),
        "Handled: `attach_to` names the certificate in the template. A certificate that was put "
        "on a stage outside of its template would be lost",
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
        "Not handled: the other stack's deployment would fail. `publish_to_parameter` is the way "
        "around it",
        "an S3 bucket and two CloudFormation stacks: the construct with its Lambda function, and "
        "an SSM parameter",
        observe=lambda run: stacks.weak_reference(run.account, run.synthesis),
    ),
    Claim(
        "An ALB's trust store accepts a client certificate of API Gateway as a CA",
        ("examples/backends/alb_trust_store.py",),
        "Not handled: the example's deployment fails, or the ALB refuses the stage. The other "
        "examples of backends work",
        by_hand="deploy the example, put the trust store on a listener with mutual TLS, and call "
        "it through a stage that presents the certificate",
    ),
    Claim(
        "Stages of one app and a StackSet deploy the stack to several accounts and Regions",
        ("docs/how-to/many-accounts.md", "examples/stages.py", "examples/stack_set.py"),
        "Not handled: the deployment fails; the templates themselves are tested",
        by_hand="follow docs/how-to/many-accounts.md with two accounts",
    ),
)
"""In the order in which they are observed: what takes long comes last."""
