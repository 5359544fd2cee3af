"""Passphrases: typed at the terminal, or read from a file or a descriptor, never from the command line."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pki.errors import PkiError

LEAST = 12
_LONGEST = 4096

PassphraseFile = Annotated[Path | None, typer.Option(help="File whose first line is the passphrase.")]
PassphraseFd = Annotated[int | None, typer.Option(help="Number of an open descriptor to read the passphrase from.")]
Ask = Annotated[bool, typer.Option("--ask-passphrase", help="Type the passphrase at the terminal.")]


def passphrase_from(file: Path | None, descriptor: int | None = None, *, ask: bool = False) -> bytes | None:
    """The passphrase, none if none was asked for; an empty one is refused."""
    if sum((file is not None, descriptor is not None, ask)) > 1:
        raise PkiError("PASSPHRASE", "name one source of the passphrase, not several")
    if file is not None:
        return _first_line(file.read_bytes(), str(file))
    if descriptor is not None:
        return _first_line(_whole(descriptor), f"descriptor {descriptor}")
    return str(typer.prompt("Passphrase", hide_input=True)).encode() if ask else None


def new_passphrase_from(file: Path | None, descriptor: int | None = None, *, ask: bool = False) -> bytes | None:
    """As `passphrase_from` for one that shall protect something: long enough, and typed twice."""
    if ask and file is None and descriptor is None:
        found: bytes | None = str(
            typer.prompt("New passphrase", hide_input=True, confirmation_prompt="The same again")
        ).encode()
    else:
        found = passphrase_from(file, descriptor, ask=ask)
    if found is not None and len(found) < LEAST:
        raise PkiError("PASSPHRASE", f"a passphrase for keys has at least {LEAST} characters")
    return found


def _whole(descriptor: int) -> bytes:
    try:
        content = b""
        while len(content) <= _LONGEST and (piece := os.read(descriptor, _LONGEST)):
            content += piece
    except OSError as error:
        raise PkiError("PASSPHRASE", f"descriptor {descriptor} cannot be read ({error})") from error
    return content


def _first_line(content: bytes, where: str) -> bytes:
    line = content.partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise PkiError("PASSPHRASE", f"{where} has no passphrase in its first line")
    return line
