"""What the commands share: the --config option, and errors that end a command with a sentence instead of a trace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from node.access import KeyFileError
from node.catalog import CatalogError
from node.database import SchemaError
from node.errors import NodeError
from node.folder import FolderError
from node.local import NotRunning
from node.settings import SettingsError
from node.territory import TerritoryError
from pki.errors import PkiError

Config = Annotated[
    Path, typer.Option("--config", "-c", help="The node's settings file (TOML).", envvar="LIENTHONG_CONFIG")
]


@contextmanager
def sentences() -> Iterator[None]:
    """Print what is wrong, one line each, and exit with 1."""
    try:
        yield
    except (SettingsError, CatalogError) as error:
        fail(*error.problems)
    except NotRunning as error:
        fail(f"no node is running at {error}")
    except NodeError as error:
        fail(error.detail or error.title)
    except (PkiError, FolderError, SchemaError, KeyFileError, TerritoryError, OSError) as error:
        fail(str(error))


def fail(*problems: str) -> NoReturn:
    """Say each problem on standard error and exit with 1."""
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    raise typer.Exit(1)
