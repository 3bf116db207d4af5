"""Build and install the library as a user would, and synthesize without network access.

The Lambda asset is identical for each kind of installation and each umask.
"""

import json
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.packages import uv_environment

ROOT = Path(__file__).parents[2]
PACKAGE = "cdk_apigateway_client_certificate"
HANDLER = {
    str(path.relative_to(ROOT / "lambda_handler"))
    for path in (ROOT / "lambda_handler").rglob("*.py")
}

APP = """\
import aws_cdk as cdk
import cdk_apigateway_client_certificate as library
from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Reuse")
for name in ("One", "Two"):
    certificate = ClientCertificate(stack, name, description=name)
    cdk.CfnOutput(stack, f"{name}Pem", value=certificate.pem_encoded_certificate)
app.synth()
print(library.__file__)
"""


@dataclass(frozen=True)
class Synthesis:
    """The result of a run of the app."""

    library: Path
    resources: dict[str, dict[str, Any]]
    asset: Path

    def count(self, type: str) -> int:
        return sum(resource["Type"] == type for resource in self.resources.values())


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def synthesize(
    folder: Path, home: Path, python: str | Path = sys.executable, umask: int = 0o022, **env: str
) -> Synthesis:
    """Run the app in a new folder without network, credentials or inherited variables."""
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    output = run(
        python,
        "app.py",
        cwd=folder,
        umask=umask,
        env={
            "PATH": str(Path(sys.executable).parent),
            "HOME": str(home),
            "CDK_OUTDIR": str(folder / "cdk.out"),
            "CDK_VALIDATION": "false",  # seconds faster; the templates are validated elsewhere
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            **env,
        },
    )
    template = json.loads((folder / "cdk.out" / "Reuse.template.json").read_text())
    [asset] = (folder / "cdk.out").glob("asset.*")
    return Synthesis(Path(output.strip()).parent, template["Resources"], asset)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout that only its owner can read, for builds that leave files."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("constructs", "lambda_handler"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
    run("chmod", "-R", "go-rwx", copy)
    return copy


@pytest.fixture(scope="module")
def wheel_and_sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, without network access."""
    dist = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, tree)
    [wheel], [sdist] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def editable(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesize with this environment's editable installation, the reference for the others."""
    return synthesize(tmp_path_factory.mktemp("editable") / "app", home)


def test_app_shares_one_function(editable: Synthesis) -> None:
    assert editable.library == ROOT / "constructs" / PACKAGE
    assert editable.count("AWS::Lambda::Function") == 1
    assert editable.count("Custom::ApiGatewayClientCertificate") == 2


def test_asset_contains_only_handler_and_crhelper(
    editable: Synthesis,
) -> None:
    files = {path.relative_to(editable.asset) for path in editable.asset.rglob("*.*")}
    assert "main.py" in HANDLER
    handler = {
        str(path.relative_to("lambda_handler"))
        for path in files
        if path.parts[0] == "lambda_handler"
    }
    assert handler == HANDLER
    assert {str(path) for path in files if path.parts[0] != "lambda_handler"} == {
        "THIRD_PARTY_NOTICES.txt",
        "crhelper/__init__.py",
        "crhelper/log_helper.py",
        "crhelper/resource_helper.py",
        "crhelper/utils.py",
    }


def test_handler_runs_from_the_asset(editable: Synthesis, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(editable.asset)!r})\n"
        "import crhelper, lambda_handler.main as main\n"
        "print(main.IMPORT_ERROR, callable(main.handler), crhelper.__file__, main.__file__)"
    )
    # Lambda sets the Region. -B writes no bytecode, which would change the asset.
    env = {"AWS_DEFAULT_REGION": "eu-west-1"}
    printed = run(sys.executable, "-I", "-B", "-c", script, cwd=tmp_path, env=env)
    assert printed.split() == [
        "None",
        "True",
        str(editable.asset / "crhelper" / "__init__.py"),
        str(editable.asset / "lambda_handler" / "main.py"),
    ]


def test_umask_077_produces_the_same_asset(
    tree: Path, tmp_path: Path, home: Path, editable: Synthesis
) -> None:
    synthesis = synthesize(tmp_path / "app", home, umask=0o077, PYTHONPATH=str(tree / "constructs"))
    assert synthesis.library == tree / "constructs" / PACKAGE
    assert synthesis.asset.name == editable.asset.name
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in synthesis.asset.rglob("*")
    }
    assert modes == {(True, 0o755), (False, 0o644)}


def test_pip_installs_the_checkout_into_an_empty_environment(
    tree: Path, tmp_path: Path, home: Path, editable: Synthesis
) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    # Install the locked versions first, so that the templates are identical.
    uv = (Path(sys.executable).with_name("uv"), "pip", "install", "--python", python)
    run(*uv, "--require-hashes", "-r", ROOT / "requirements.txt", env=uv_environment())
    run(python, "-m", "pip", "install", ".", cwd=tree)

    synthesis = synthesize(tmp_path / "app", home, python)
    assert tmp_path / "venv" in synthesis.library.parents
    assert synthesis.resources == editable.resources
    assert synthesis.asset.name == editable.asset.name


@pytest.mark.parametrize("built", [0, 1], ids=["wheel", "sdist"])
def test_wheel_and_sdist_produce_the_same_asset(
    built: int, wheel_and_sdist: tuple[Path, Path], tmp_path: Path, home: Path, editable: Synthesis
) -> None:
    # Without dependencies, which the previous test installed: this environment's own are used.
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation")
    run(*pip, "--target", tmp_path / "site", wheel_and_sdist[built])

    synthesis = synthesize(tmp_path / "app", home, PYTHONPATH=str(tmp_path / "site"))
    assert synthesis.library == tmp_path / "site" / PACKAGE
    assert synthesis.asset.name == editable.asset.name


def test_wheel_and_sdist_contain_only_the_library(
    tree: Path, wheel_and_sdist: tuple[Path, Path]
) -> None:
    wheel, sdist = wheel_and_sdist
    modules = {path.name for path in (tree / "constructs" / PACKAGE).glob("*.py")}
    library = {f"{PACKAGE}/{name}" for name in {*modules, "py.typed"}}
    handler = {*HANDLER, "THIRD_PARTY_NOTICES.txt"}
    library |= {f"{PACKAGE}/lambda_handler/{name}" for name in handler}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == library
    with tarfile.open(sdist) as archive:
        names = [member.name.partition("/constructs/")[2] for member in archive if member.isfile()]
    assert {name for name in names if name} == library
