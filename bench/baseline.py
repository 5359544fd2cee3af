"""An earlier source tree beside ours, so that before and after can be measured in one run."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from bench.actor import ROOT

_PACKAGES = ("pki", "federation", "node", "modules")


class NoSuchRevision(Exception):  # noqa: N818 - what is the case
    """Git knows no such revision; the message is git's own."""


def tree_of(revision: str, folder: Path) -> Path:
    """The packages of a revision in a folder, with the measuring programs of today."""
    command = ["git", "archive", "--format=tar", revision, "--", *_PACKAGES]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    if made.returncode != 0:
        raise NoSuchRevision(made.stderr.decode("utf-8", "replace").strip())
    tree = folder / "baseline"
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(tree, filter="data")
    shutil.copytree(ROOT / "bench", tree / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    return tree
