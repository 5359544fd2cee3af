"""The import contracts hold, and each is awake: a copy of the tree with one bad line per contract breaks them all."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import tree

LINT = [
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command as lint; lint()",
    "--no-cache",
    "--no-logo",
]

# Contract -> file of the copy and the line that breaks it.
BAD = {
    "staircase": ("pki/errors.py", "import federation.frame"),
    "node-without-modules": ("node/errors.py", "import modules.citizen.module"),
    "modules-apart": ("modules/second/__init__.py", "import modules.citizen.module"),
    "modules-send-nothing": ("modules/citizen/module.py", "import federation.ledger"),
    "screens-apart": ("ui/settings.py", "import node.territory"),
    "screens-without-database": ("ui/settings.py", "import sqlalchemy"),
    "streamlit-in-screens": ("node/errors.py", "import streamlit"),
    "screens-unknown": ("node/errors.py", "import ui.settings"),
    "pages-unknown": ("modules/citizen/module.py", "import modules.citizen.page"),
    "pages-reach-http-only": ("modules/citizen/page.py", "import node.database"),
    "keys-alone": ("pki/errors.py", "import sqlalchemy"),
    "delivery-without-web": ("federation/ledger.py", "import fastapi"),
    "verifier-alone": ("federation/verify/wire.py", "import federation.frame"),
    "frames-are-bytes": ("federation/frame.py", "import sqlalchemy"),
    "grpc-in-links": ("federation/ledger.py", "import grpc"),
    "nats-in-its-link": ("federation/ledger.py", "import nats"),
    "territory-is-pure": ("node/territory.py", "import node.database"),
    "nouns-without-web": ("node/audit.py", "import fastapi"),
    "handlers-without-web": ("node/inbound.py", "import fastapi"),
    "one-loop": ("node/audit.py", "import asyncio"),
    "history-in-one-place": ("node/audit.py", "import alembic"),
}


def contracts() -> dict[str, str]:
    """Contract -> the sentence that is its name."""
    parser = configparser.ConfigParser()
    parser.read_string(tree.text(".importlinter"))
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): parser[section]["name"]
        for section in parser.sections()
        if section.startswith(prefix)
    }


def verdicts(folder: Path) -> dict[str, str]:
    """Sentence -> KEPT or BROKEN, as import-linter finds the tree in the folder."""
    wide = {**os.environ, "COLUMNS": "400"}  # else a sentence is broken over two lines
    run = subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False, env=wide)
    found = dict(re.findall(r"^(.+\.)\s+(KEPT|BROKEN)", run.stdout, re.MULTILINE))
    assert found, run.stdout + run.stderr
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The Python files of the product, where they can be spoilt."""
    for name in [
        ".importlinter",
        *(file for file in tree.files() if file.endswith(".py") and file.startswith(tree.PRODUCT)),
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree.ROOT / name, tmp_path / name)
    return tmp_path


def test_the_names_are_sentences() -> None:
    assert len(contracts()) >= 8
    assert [name for name in contracts().values() if not re.fullmatch(r"[A-Z].{15,}\.", name)] == []


def test_every_contract_is_kept(copy: Path) -> None:
    found = verdicts(copy)
    assert sorted(found) == sorted(contracts().values())
    assert [sentence for sentence, verdict in found.items() if verdict != "KEPT"] == []


def test_every_contract_can_break(copy: Path) -> None:
    assert BAD.keys() == contracts().keys()
    for file, line in BAD.values():
        (copy / file).parent.mkdir(exist_ok=True)
        with (copy / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n{line}\n")
    assert [sentence for sentence, verdict in verdicts(copy).items() if verdict != "BROKEN"] == []
