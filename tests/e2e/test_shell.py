"""Run `python -m local_aws` and `cdk` from a shell, as a user would."""

from dataclasses import dataclass

from tests.e2e.support import (
    REPOSITORY,
    ScenarioContext,
    environment_from_nothing,
    processes_naming,
    scenario,
    start,
)

SHELL = """
set -euo pipefail
. .venv/bin/activate
coproc python -m local_aws
server=$COPROC_PID
trap 'kill -INT $server; wait $server' EXIT
while read -r line <&${COPROC[0]}; do
    case $line in "# ready"*) break ;; esac
    eval "$line"
done
say() { echo "== $*"; }
say bootstrap; cdk bootstrap
say deploy; cdk deploy --require-approval never
say destroy; cdk destroy --force
say left
python -c 'from boto3 import client
for kind in (
    client("apigateway").get_client_certificates()["items"],
    client("lambda").list_functions()["Functions"],
    client("logs").describe_log_groups()["logGroups"],
    [stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]],
): print(kind)'
"""


@dataclass(frozen=True)
class Result:
    status: int
    output: str
    processes: dict[int, str]
    files: list[str]

    def output_of(self, step: str) -> str:
        return self.output.split(f"== {step}\n")[1].split("== ")[0]


@scenario
def shell_session(context: ScenarioContext) -> Result:
    environment = environment_from_nothing(context.folder, CDK_OUTPUT=str(context.folder / "out"))
    process = start("bash", "-c", SHELL, environment=environment, folder=REPOSITORY)
    output, _ = process.communicate(timeout=300)
    files = [path.name for path in (context.folder / "tmp").glob("local-aws-*")]
    return Result(process.returncode, output, processes_naming(context.folder), files)


def test_cdk_deploys_in_an_activated_environment(shell_session: Result) -> None:
    assert shell_session.status == 0, shell_session.output
    deployed = shell_session.output_of("deploy")
    assert "ClientCertificate.PemEncodedCertificate = -----BEGIN CERTIFICATE-----" in deployed
    assert "ClientCertificate: destroyed" in shell_session.output_of("destroy")


def test_destroy_leaves_only_the_bootstrap_stack(shell_session: Result) -> None:
    assert shell_session.output_of("left").splitlines() == ["[]", "[]", "[]", "['CDKToolkit']"]


def test_server_leaves_no_process_or_file(shell_session: Result) -> None:
    assert shell_session.processes == {}
    assert shell_session.files == []
