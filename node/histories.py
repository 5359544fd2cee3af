"""Whose tables are in the database: the node's own, delivery's, and those of each module that is switched on."""

from pathlib import Path

from federation import tables as federation_tables
from node.catalog import Catalog
from node.database import Owner
from node.tables import metadata

TOP = Path(__file__).resolve().parent.parent


def own() -> tuple[Owner, ...]:
    """The histories that every node has, whatever its modules."""
    return (
        Owner("node", TOP / "node" / "migrations", metadata),
        Owner("federation", TOP / "federation" / "migrations", federation_tables.metadata),
    )


def owners(catalog: Catalog) -> tuple[Owner, ...]:
    """List the histories to bring up to date; one of a module that is switched off is left as it is."""
    modules = tuple(
        Owner(module.name, catalog.manifests[module.name].folder / "migrations", module.tables)
        for module in catalog.modules
        if module.tables is not None
    )
    return own() + modules
