"""Which files of a package go into the Lambda asset."""

import stat
from pathlib import Path

from cdk_apigateway_client_certificate import _handler_code


def test_asset_has_modules_of_subpackages_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    modules = {"__init__.py", "main.py", "rotation/__init__.py", "rotation/plan.py"}
    others = {
        "__pycache__/main.cpython-313.pyc",
        "rotation/__pycache__/plan.cpython-313.pyc",
        "rotation/plan.pyi",
        "rotation/notes.txt",
        ".ipynb_checkpoints/main.py",  # an editor's folder, not a package
    }
    for name in modules | others:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
        (source / name).chmod(0o600)
    (source / "rotation").chmod(0o700)

    _handler_code._copy_package(source, target)

    copied = {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in copied.items()} == {it: it for it in modules}
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [target, *target.rglob("*")]
    }
    assert modes == {(True, 0o755), (False, 0o644)}
