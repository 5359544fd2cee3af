"""Each owner has one history with one head, and the history makes exactly the tables that the code knows."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, inspect, text

from tests.house import tree
from tests.house.migrations import differences, faults

# Modules that hold tables of an owner, beyond `<owner>.tables`.
ROWS = {
    "node": (
        "node.tables",
        "node.figures.approval_rows",
        "node.figures.noting",
        "node.figures.rows",
        "node.incident.rows",
        "node.presence",
    )
}


def histories() -> dict[str, Path]:
    """Owner -> folder of its history."""
    folders = {str(Path(name).parent) for name in tree.python(*tree.PRODUCT) if Path(name).parent.name == "migrations"}
    return {Path(folder).parent.name: tree.ROOT / folder for folder in sorted(folders)}


def tables_of(owner: str) -> MetaData:
    """The tables as the code knows them."""
    package = owner if owner in tree.PRODUCT else f"modules.{owner}"
    names = ROWS.get(owner, (f"{package}.tables",))
    modules = [importlib.import_module(name) for name in names if _exists(name)]
    metadatas = {id(module.metadata): module.metadata for module in modules if hasattr(module, "metadata")}
    assert len(metadatas) == 1, f"{owner} has one MetaData"
    found = next(iter(metadatas.values()))
    assert isinstance(found, MetaData)
    return found


def _exists(name: str) -> bool:
    path = name.replace(".", "/")
    return f"{path}.py" in tree.files() or f"{path}/__init__.py" in tree.files()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'house.db'}")
    yield engine
    engine.dispose()


def test_every_owner_has_one_head_and_names_its_revisions() -> None:
    assert {"node", "federation"} <= histories().keys()
    assert [fault for owner, folder in histories().items() for fault in faults(owner, folder)] == []


def test_histories_are_apart() -> None:
    """An owner's history depends on no other: switching a module off must not break the others' upgrade."""
    for owner, folder in histories().items():
        for file in sorted(folder.glob("[0-9]*.py")):
            match = re.search(r"depends_on[^=]*=\s*(.+)", file.read_text(encoding="utf-8"))
            assert match is None or match[1].strip() == "None", f"{owner}: {file.name}"


@pytest.mark.parametrize("owner", list(histories()))
def test_empty_to_head_makes_what_the_code_knows(owner: str, engine: Engine) -> None:
    from node.database import Owner, migrate

    metadata = tables_of(owner)
    migrate(engine, [Owner(owner, histories()[owner], metadata)])
    assert differences(engine, owner, metadata) == []
    tables = set(inspect(engine).get_table_names()) - {f"alembic_{owner}"}
    assert [name for name in tables if owner != "node" and not name.startswith(f"{owner}_")] == []


def test_all_together_and_twice(engine: Engine) -> None:
    from node.database import Owner, migrate

    owners = [Owner(owner, folder, None) for owner, folder in histories().items()]
    assert migrate(engine, owners) == migrate(engine, owners)


def test_the_checks_see_two_heads_and_a_wrong_name(tmp_path: Path) -> None:
    body = 'revision = "{}"\ndown_revision = {}\ndef upgrade(): ...\n'
    for file, revision, down in (
        ("0001_a.py", "x_0001", None),
        ("0002_b.py", "x_0002", "x_0001"),
        ("0003_c.py", "y", "x_0001"),
    ):
        (tmp_path / file).write_text(body.format(revision, repr(down)), encoding="utf-8")
    found = faults("x", tmp_path)
    assert "heads" in found[0]
    assert "0003_c.py is revision y" in found[1]


def test_the_check_sees_a_column_that_no_history_made(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE x_a (id INTEGER NOT NULL PRIMARY KEY)"))
    metadata = MetaData()
    Table("x_a", metadata, Column("id", Integer, primary_key=True), Column("late", Integer))
    assert len(differences(engine, "x", metadata)) == 1
