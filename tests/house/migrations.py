"""The shape of a history, and whether it makes the tables that the code knows."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData


def faults(owner: str, folder: Path) -> list[str]:
    """What is wrong with the shape of a history."""
    script = ScriptDirectory(str(folder), version_locations=[str(folder)])
    found = [] if len(script.get_heads()) == 1 else [f"{owner} has heads {script.get_heads()}"]
    for revision in script.walk_revisions():
        number = Path(revision.path).name.split("_")[0]
        if revision.revision != f"{owner}_{number}":
            found.append(f"{revision.path} is revision {revision.revision}, not {owner}_{number}")
    return found


def differences(engine: Engine, owner: str, metadata: MetaData) -> list[Any]:
    """What a migrated database has and the code does not know, or the other way round."""

    def ours(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or bool(name and not name.startswith(("alembic_", "sqlite_")))

    with engine.connect() as connection:
        options = {"include_name": ours, "version_table": f"alembic_{owner}"}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
