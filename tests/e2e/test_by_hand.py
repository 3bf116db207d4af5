"""`python -m local_aws` and `cdk`, as somebody types them into a shell."""

from dataclasses import dataclass

from tests.e2e.support import (
    REPOSITORY,
    Scene,
    environment_from_nothing,
    processes_naming,
    start,
    story,
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
class Story:
    status: int
    output: str
    processes: dict[int, str]
    files: list[str]

    def said(self, step: str) -> str:
        return self.output.split(f"== {step}\n")[1].split("== ")[0]


@story
def by_hand(scene: Scene) -> Story:
    environment = environment_from_nothing(
        scene.folder, CDK_OUTPUT=str(scene.folder / "out"), CDK_VALIDATION="false"
    )
    process = start("bash", "-c", SHELL, environment=environment, folder=REPOSITORY)
    output, _ = process.communicate(timeout=300)
    files = [path.name for path in (scene.folder / "tmp").glob("local-aws-*")]
    return Story(process.returncode, output, processes_naming(scene.folder), files)


def test_cdk_deploys_in_an_activated_environment(by_hand: Story) -> None:
    assert by_hand.status == 0, by_hand.output
    deployed = by_hand.said("deploy")
    assert "ClientCertificate.PemEncodedCertificate = -----BEGIN CERTIFICATE-----" in deployed
    assert "ClientCertificate: destroyed" in by_hand.said("destroy")


def test_nothing_but_the_toolkit_is_left_in_the_account(by_hand: Story) -> None:
    assert by_hand.said("left").splitlines() == ["[]", "[]", "[]", "['CDKToolkit']"]


def test_nothing_is_left_on_the_machine(by_hand: Story) -> None:
    assert by_hand.processes == {}
    assert by_hand.files == []
