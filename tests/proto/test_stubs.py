"""The committed message classes are what the pinned generator makes of proto/ today, byte for byte."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def protos() -> list[Path]:
    return sorted((ROOT / "proto").rglob("*.proto"))


def stubs(root: Path, packages: list[Path]) -> dict[str, str]:
    """Path below the root -> text, for every generated file in the packages."""
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for package in packages
        for pattern in GENERATED
        for path in (root / package).glob(pattern)
    }


def generate(into: Path, sources: list[Path]) -> None:
    """Run the generator as `make proto` does; its plugins lie beside the interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    kinds = [f"--{kind}_out={into}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    names = [str(source.relative_to(ROOT)) for source in sources]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *kinds, *names],
        cwd=ROOT,
        check=True,
        env={**os.environ, "PATH": path},
    )


def test_stubs_are_what_the_generator_makes(tmp_path: Path) -> None:
    sources = protos()
    if not sources:
        pytest.skip("proto/ holds no message yet")
    packages = sorted({source.parent.relative_to(ROOT / "proto") for source in sources})
    generate(tmp_path, sources)
    made, kept = stubs(tmp_path, packages), stubs(ROOT, packages)
    assert sorted(made) == sorted(kept), "run `make proto` and commit the result"
    assert [name for name in made if made[name] != kept[name]] == [], "run `make proto` and commit the result"


def test_the_generator_is_the_lowest_supported_one() -> None:
    """The runtime must be as new as the generator or newer, so the generator is pinned low."""
    assert version("grpcio-tools") == "1.82.1"


def test_the_package_follows_the_folder() -> None:
    """`proto/federation/v1/x.proto` is `package federation.v1`, so that imports of the stubs are right as written."""
    for source in protos():
        package = ".".join(source.parent.relative_to(ROOT / "proto").parts)
        assert f"package {package};" in source.read_text(encoding="utf-8"), source


def test_the_comparison_sees_one_changed_byte(tmp_path: Path) -> None:
    package = Path("node/v1")
    for root, text in ((tmp_path / "made", "x = 1\n"), (tmp_path / "kept", "x = 2\n")):
        (root / package).mkdir(parents=True)
        (root / package / "a_pb2.py").write_text(text, encoding="utf-8")
    made, kept = (stubs(tmp_path / name, [package]) for name in ("made", "kept"))
    assert made.keys() == kept.keys()
    assert made != kept
