"""Check that packages contain a subpackage of the handler, without other files in its folder."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGED = "cdk_apigateway_client_certificate/lambda_handler/subpackage"


def test_wheel_and_sdist_contain_the_modules_of_a_subpackage(tmp_path: Path) -> None:
    checkout, dist = tmp_path / "checkout", tmp_path / "dist"
    subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
    subpackage = checkout / "lambda_handler" / "subpackage"
    (subpackage / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "plan.py", "plan.pyi", "notes.txt", "__pycache__/plan.pyc"):
        (subpackage / name).touch()

    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, checkout)
    subprocess.run(build, check=True, capture_output=True)

    modules = [f"{PACKAGED}/__init__.py", f"{PACKAGED}/plan.py"]
    [wheel], [sdist] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    in_wheel = zipfile.ZipFile(wheel).namelist()
    assert sorted(name for name in in_wheel if "/subpackage/" in name) == modules
    with tarfile.open(sdist) as archive:
        in_sdist = [name.partition("/constructs/")[2] for name in archive.getnames()]
    assert sorted(name for name in in_sdist if "/subpackage/" in name) == modules
