"""`python -m node citizen`: what a person may ask about their own data, carried out at the running node."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from node.commands.plain import Config, fail, sentences
from node.local import call, fetch
from node.settings import Settings

app = typer.Typer(help="Requests of persons about their own data.", no_args_is_help=True)

ROUTE = "/local/v1/citizen/subject"
Phone = Annotated[bool, typer.Option("--phone", help="Ask for the telephone number; it is never a part of a command.")]
Code = Annotated[bool, typer.Option("--code", help="Ask for the receipt of one report.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]


@app.command()
def export(
    config: Config,
    reason: Reason,
    out: Annotated[Path, typer.Option(help="Where to write the ZIP; a file that is there is left alone.")],
    *,
    phone: Phone = False,
    code: Code = False,
) -> None:
    """Write everything that is held of a person into a ZIP of JSON and photographs."""
    with sentences():
        content = fetch(Settings.load(config).socket, f"{ROUTE}/export", _wish(reason, phone=phone, code=code))
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    typer.echo(f"{out}: {len(content)} bytes")


@app.command()
def erase(config: Config, reason: Reason, *, phone: Phone = False, code: Code = False) -> None:
    """Delete what is held of a person, here and above; the words of a case that is still open stay until it is over."""
    with sentences():
        socket = Settings.load(config).socket
        answer = call(socket, "POST", f"{ROUTE}/erasure", _wish(reason, phone=phone, code=code))
    typer.echo(json.dumps(answer, ensure_ascii=False))


def _wish(reason: str, *, phone: bool, code: bool) -> dict[str, str]:
    """Whose data; what tells it is typed or piped in, so that it stands in no list of processes and in no history."""
    if phone == code:
        fail("name one: --phone or --code")
    typed = typer.prompt("Telephone number" if phone else "Receipt code", err=True)
    return {"phone" if phone else "code": typed, "reason": reason}
