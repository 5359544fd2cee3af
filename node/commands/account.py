"""`python -m node account`: accounts of a running node through its socket, or of one at rest in its database."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from node import account, local
from node.account import Account
from node.api.accounts import LOCAL, view
from node.catalog import load
from node.clock import SystemClock
from node.commands.plain import Config, fail, sentences
from node.database import Database, migrate
from node.folder import FolderLock, prepare_folder
from node.histories import owners
from node.local import NotRunning
from node.role import Role
from node.settings import Settings

app = typer.Typer(help="Who may sign in at this centre.", no_args_is_help=True)

ROUTE = "/local/v1/accounts"

Username = Annotated[str, typer.Argument(help="The name to sign in with.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the password on its first line; - for standard input."),
]


@app.command("add")
def add(  # noqa: PLR0917 - typer calls it by name
    username: Username,
    role: Annotated[Role, typer.Option(help="What this person may do.")],
    config: Config,
    name: Annotated[str, typer.Option(help="The name that others read.")] = "",
    area: Annotated[
        str, typer.Option(help="Code of the area that the account is for; all of the centre's if empty.")
    ] = "",
    password_file: PasswordFile = None,
) -> None:
    """Create an account; the password is asked for, or read from a file, never taken from the command line."""
    with sentences():
        settings, password = Settings.load(config), _password(password_file)
        body = {
            "username": username,
            "display_name": name,
            "role": role.value,
            "area_code": area or None,
            "password": password,
        }

        def offline(database: Database) -> Account:
            hashed, now = account.hash_password(username, password), SystemClock().now()
            return database.write(
                lambda session: account.add(
                    session,
                    username=username,
                    display_name=name,
                    role=role,
                    area_code=area or None,
                    password_hash=hashed,
                    actor=LOCAL,
                    now=now,
                )
            )

        _say(_do(settings, "POST", ROUTE, body, offline))


@app.command("list")
def list_all(config: Config) -> None:
    """List the accounts."""
    with sentences():
        settings = Settings.load(config)
        try:
            rows = local.call(settings.socket, "GET", ROUTE)
        except NotRunning:
            with at_rest(settings) as database:
                rows = [view(one) for one in database.read(account.everyone)]
        for row in rows:
            _say(row)


@app.command("passwd")
def passwd(username: Username, config: Config, password_file: PasswordFile = None) -> None:
    """Replace a password and end that person's sessions."""
    with sentences():
        settings, password = Settings.load(config), _password(password_file)

        def offline(database: Database) -> Account:
            hashed, now = account.hash_password(username, password), SystemClock().now()
            return database.write(lambda session: account.set_password(session, username, hashed, actor=LOCAL, now=now))

        _say(_do(settings, "PUT", f"{ROUTE}/{username}/password", {"password": password}, offline))


@app.command("disable")
def disable(username: Username, config: Config) -> None:
    """Close an account and its sessions at once."""
    _set_access(username, config, disabled=True)


@app.command("enable")
def enable(username: Username, config: Config) -> None:
    """Open a closed account again."""
    _set_access(username, config, disabled=False)


def _set_access(username: str, config: Path, *, disabled: bool) -> None:
    with sentences():
        settings = Settings.load(config)

        def offline(database: Database) -> Account:
            now = SystemClock().now()
            return database.write(
                lambda session: account.set_disabled(session, username, disabled=disabled, actor=LOCAL, now=now)
            )

        _say(_do(settings, "PUT", f"{ROUTE}/{username}/access", {"disabled": disabled}, offline))


def _do(
    settings: Settings, method: str, route: str, body: dict[str, Any], offline: Callable[[Database], Account]
) -> dict[str, Any]:
    """Ask the running node; if there is none, do it in the database under the folder's lock."""
    try:
        answer: dict[str, Any] = local.call(settings.socket, method, route, body)
    except NotRunning:
        with at_rest(settings) as database:
            return view(offline(database))
    return answer


@contextmanager
def at_rest(settings: Settings) -> Iterator[Database]:
    """The database of a node that does not run, brought up to date, under the folder's lock."""
    catalog = load(settings.modules, settings.node.tier)
    prepare_folder(settings.node.folder)
    with FolderLock(settings.node.folder):
        database = Database(settings.database_url, SystemClock())
        try:
            migrate(database.engine, owners(catalog))
            yield database
        finally:
            database.close()


def _password(file: Path | None) -> str:
    if file is None:
        if not sys.stdin.isatty():
            fail("no terminal to ask for the password; use --password-file FILE, or - for standard input")
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8").partition("\n")[0]
    return text.rstrip("\r\n")


def _say(row: dict[str, Any]) -> None:
    state = "closed" if row["disabled"] else f"locked until {row['locked_until']}" if row["locked_until"] else "open"
    typer.echo(f"{row['username']}\t{row['role']}\t{row['area_code'] or '-'}\t{state}\t{row['display_name']}")
