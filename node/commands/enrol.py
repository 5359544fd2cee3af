"""`python -m node enrol`: this computer becomes the centre that its settings name."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from federation.enrolment.visit import enrol_at_home, enrol_from_afar
from node.clock import SystemClock
from node.commands.plain import Config, sentences
from node.folder import FolderLock, prepare_folder
from node.settings import Settings
from pki.authority import Authority
from pki.enrol_token import EnrolToken, parse_token
from pki.errors import PkiError
from pki.keystore import Keystore

app = typer.Typer(help="Join the federation with a one-time token from the parent.", invoke_without_command=True)

_LONGEST_TOKEN = 4096


@app.callback()
def enrol(
    config: Config,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token that the parent made; else it is read from standard input.")
    ] = None,
    wait_min: Annotated[
        float, typer.Option(help="Minutes to wait for somebody at the parent who compares the fingerprint.")
    ] = 30.0,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="The centre has keys already: put new ones in their place.")
    ] = False,
) -> None:
    """Join the federation with a one-time token from the parent."""
    with sentences():
        settings = Settings.load(config)
        token = parse_token(_token_text(token_file))
        prepare_folder(settings.node.folder)
        with FolderLock(settings.node.folder):
            keystore = _join(settings, token, timedelta(minutes=wait_min), replace=replace)
        typer.echo(f"Enrolled as {keystore.identity['title']} ({keystore.name}). The keys are in {keystore.folder}.")
        typer.echo(f"The token is spent. Start the node with: python -m node serve --config {config}")


def _token_text(token_file: Path | None) -> str:
    if token_file is not None:
        with token_file.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_TOKEN)
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True))
    return sys.stdin.read(_LONGEST_TOKEN)


def _show(fingerprint: str) -> None:
    typer.echo(f"Fingerprint of this request: {fingerprint}")
    typer.echo("If the parent asks for it: somebody there compares it and approves; this command waits.")


def _join(settings: Settings, token: EnrolToken, wait: timedelta, *, replace: bool) -> Keystore:
    if Keystore.exists(settings.keys) and not replace:
        raise PkiError("ALREADY_ENROLLED", f"{settings.keys} holds keys already; --replace changes them")
    now, code = SystemClock().now, settings.node.code
    if settings.authority is not None and token.parent is None:
        return enrol_at_home(Authority.load(settings.authority.folder), token, settings.keys, now, code=code)
    if settings.parent is None or settings.parent.enrol_address is None:
        raise PkiError("NO_PARENT", "the settings name no [parent] enrol_address to enrol at")
    address = settings.parent.enrol_address
    return enrol_from_afar(address, token, settings.keys, now, code=code, show=_show, wait=wait)
