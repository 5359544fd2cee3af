"""What the house's checks read: the files of this repository, as text and as syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("pki", "federation", "node", "modules", "ui")
OURS = (*PRODUCT, "bench", "tests", "deploy")
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".proto",
    ".html",
    ".js",
    ".css",
    ".yml",
    ".yaml",
    ".json",
    ".sh",
    ".ini",
    ".svg",
    ".service",
    "",
}


@cache
def files() -> tuple[str, ...]:
    """Every file that git tracks or would track, so that a new file is checked before its first commit."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - git from PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(sorted({name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()}))


def is_generated(name: str) -> bool:
    return "_pb2" in name


def texts() -> list[str]:
    """Files that people read, generated ones and locks left out."""
    return [
        name
        for name in files()
        if Path(name).suffix in TEXT and not is_generated(name) and not name.startswith("locks/")
    ]


def python(*folders: str) -> list[str]:
    """Written Python files under the folders (all of ours when none is named)."""
    roots = tuple(f"{folder}/" for folder in folders or OURS)
    return [name for name in files() if name.endswith(".py") and name.startswith(roots) and not is_generated(name)]


def module_names() -> list[str]:
    """Folders of `modules/` that hold a module."""
    return sorted({name.split("/")[1] for name in python("modules") if name.endswith("/module.py")})


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def syntax(name: str) -> ast.Module:
    return ast.parse(text(name), name)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain, or nothing when it is not one."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""
