"""What the commands share: the --config option, and errors that end a command with a sentence instead of a trace."""

import sys
from collections.abc import Iterator, Mapping
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

_REASONS: Mapping[type[OSError], str] = {
    FileNotFoundError: "there is no such file or folder",
    PermissionError: "may not be opened by whoever runs this command",
    IsADirectoryError: "is a folder, and a file was expected",
    NotADirectoryError: "lies below a file, not a folder",
    FileExistsError: "exists already",
}

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
    except (PkiError, FolderError, SchemaError, KeyFileError, TerritoryError) as error:
        fail(str(error))
    except OSError as error:
        fail(in_words(error))


def in_words(error: OSError) -> str:
    """What the system refused, without its number: which file, and why."""
    if error.strerror is None:  # one that was raised with a sentence
        return str(error)
    why = _REASONS.get(type(error), error.strerror.lower())
    return f"{error.filename}: {why}" if error.filename is not None else why


def fail(*problems: str) -> NoReturn:
    """Say each problem on standard error and exit with 1."""
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    raise typer.Exit(1)
