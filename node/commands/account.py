"""`python -m node account`: accounts of a running node through its socket, or of one at rest in its database."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from node import account, local, login, password, second_factor
from node.account import Account
from node.api.accounts import view
from node.api.local_accounts import LOCAL
from node.catalog import load
from node.clock import SystemClock
from node.commands.plain import Config, fail, sentences
from node.database import Database, migrate
from node.errors import NotFound
from node.folder import FolderLock, prepare_folder
from node.histories import owners
from node.local import NotRunning
from node.role import Role
from node.settings import Settings

app = typer.Typer(help="Who may sign in at this centre.", no_args_is_help=True)

ROUTE = "/local/v1/accounts"
Json = dict[str, Any]

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
    one_time: Annotated[bool, typer.Option("--one-time", help="Print a password for one use instead.")] = False,
) -> None:
    """Create an account; the password is asked for, read from a file, or made; never taken from the command line."""
    with sentences():
        settings = Settings.load(config)
        given = None if one_time else _password(password_file)
        body = {
            "username": username,
            "display_name": name,
            "role": role.value,
            "area_code": area or None,
            "password": given,
        }

        def offline(database: Database) -> Json:
            new, now = given or password.one_time_password(os.urandom), SystemClock().now()
            hashed = password.hash_password(username, new, shortest=settings.accounts.shortest_password)
            one = database.write(
                lambda session: account.add(
                    session,
                    username=username,
                    display_name=name,
                    role=role,
                    area_code=area or None,
                    password_hash=hashed,
                    actor=LOCAL,
                    now=now,
                    must_change=given is None,
                )
            )
            return view(one) | ({} if given else {"one_time_password": new})

        _say(_do(settings, "POST", ROUTE, body, offline))


@app.command("list")
def list_all(config: Config) -> None:
    """List the accounts: name, role, area, state, telephone, open sessions, the name that others read."""
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
        settings, given = Settings.load(config), _password(password_file)
        _replace(settings, username, given)


@app.command("reset")
def reset(username: Username, config: Config) -> None:
    """Print a password for one use, to be replaced at the next sign-in, and end that person's sessions."""
    with sentences():
        _replace(Settings.load(config), username, None)


@app.command("disable")
def disable(username: Username, config: Config) -> None:
    """Close an account and its sessions at once."""
    _set_access(username, config, disabled=True)


@app.command("enable")
def enable(username: Username, config: Config) -> None:
    """Open a closed account again."""
    _set_access(username, config, disabled=False)


@app.command("scope")
def scope(
    username: Username,
    role: Annotated[Role, typer.Option(help="What this person may do from now on.")],
    config: Config,
    area: Annotated[str, typer.Option(help="Code of the area; all of the centre's if empty.")] = "",
    name: Annotated[str | None, typer.Option(help="The name that others read; as before if not given.")] = None,
) -> None:
    """Give somebody another role or area; sessions with the former rights end."""
    with sentences():
        settings = Settings.load(config)

        def change(database: Database, before: str) -> Account:
            return database.write(
                lambda session: account.set_scope(
                    session,
                    username,
                    role=role,
                    area_code=area or None,
                    display_name=before if name is None else name,
                    actor=LOCAL,
                    now=SystemClock().now(),
                )
            )

        try:
            known = {row["username"]: row["display_name"] for row in local.call(settings.socket, "GET", ROUTE)}
            words = known.get(username, "") if name is None else name
            body = {"role": role.value, "area_code": area or None, "display_name": words}
            _say(local.call(settings.socket, "PUT", f"{ROUTE}/{username}/scope", body))
        except NotRunning:
            with at_rest(settings) as database:
                before = database.read(lambda session: account.get(session, username)).display_name
                _say(view(change(database, before)))


@app.command("unlock")
def unlock(username: Username, config: Config) -> None:
    """Lift the lock that wrong passwords or codes brought about, before its time."""
    _simple(username, config, "lock", lambda session, now: account.unlock(session, username, actor=LOCAL, now=now))


@app.command("forget-telephone")
def forget_telephone(username: Username, config: Config) -> None:
    """Remove a second factor whose telephone is lost, with its codes on paper, and end that person's sessions."""

    def step(session: Session, now: datetime) -> Account:
        if not second_factor.remove(session, username, actor=LOCAL, now=now):
            raise NotFound("tài khoản này chưa cài đặt điện thoại")
        login.end_all(session, username, now)
        return account.get(session, username)

    _simple(username, config, "second-factor", step)


@app.command("sessions")
def sessions(config: Config) -> None:
    """List who is signed in: name, since, last seen, address, device. The node must be running."""
    with sentences():
        for row in local.call(Settings.load(config).socket, "GET", f"{ROUTE}/sessions")["items"]:
            times = f"{row['since'][:19]}\t{row['seen_at'][:19]}"
            typer.echo(f"{row['username']}\t{times}\t{row['address']}\t{row['device']}")


@app.command("end-sessions")
def end_sessions(username: Username, config: Config) -> None:
    """End all sessions of a person. The node must be running; of one at rest nobody has a session in use."""
    with sentences():
        ended = local.call(Settings.load(config).socket, "DELETE", f"{ROUTE}/{username}/sessions")["ended"]
        typer.echo(f"{username}\t{ended} ended")


def _replace(settings: Settings, username: str, given: str | None) -> None:
    def offline(database: Database) -> Json:
        new, now = given or password.one_time_password(os.urandom), SystemClock().now()
        hashed = password.hash_password(username, new, shortest=settings.accounts.shortest_password)
        one = database.write(
            lambda session: account.set_password(
                session, username, hashed, actor=LOCAL, now=now, must_change=given is None
            )
        )
        return view(one) | ({} if given else {"one_time_password": new})

    _say(_do(settings, "PUT", f"{ROUTE}/{username}/password", {"password": given}, offline))


def _simple(username: str, config: Path, what: str, step: Callable[[Session, datetime], Account]) -> None:
    with sentences():

        def offline(database: Database) -> Json:
            return view(database.write(lambda session: step(session, SystemClock().now())))

        _say(_do(Settings.load(config), "DELETE", f"{ROUTE}/{username}/{what}", None, offline))


def _set_access(username: str, config: Path, *, disabled: bool) -> None:
    with sentences():
        settings = Settings.load(config)

        def offline(database: Database) -> Json:
            now = SystemClock().now()
            return view(
                database.write(
                    lambda session: account.set_disabled(session, username, disabled=disabled, actor=LOCAL, now=now)
                )
            )

        _say(_do(settings, "PUT", f"{ROUTE}/{username}/access", {"disabled": disabled}, offline))


def _do(settings: Settings, method: str, route: str, body: Json | None, offline: Callable[[Database], Json]) -> Json:
    """Ask the running node; if there is none, do it in the database under the folder's lock."""
    try:
        answer: Json = local.call(settings.socket, method, route, body)
    except NotRunning:
        with at_rest(settings) as database:
            return offline(database)
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


def _say(row: Json) -> None:
    locked = row.get("locked", bool(row["locked_until"]))
    state = "closed" if row["disabled"] else f"locked until {row['locked_until']}" if locked else "open"
    more = ""
    if "sessions" in row:
        more = f"\t{'telephone' if row['second_factor'] else '-'}\t{row['sessions']} sessions"
    typer.echo(f"{row['username']}\t{row['role']}\t{row['area_code'] or '-'}\t{state}{more}\t{row['display_name']}")
    if "one_time_password" in row:
        typer.echo(f"one-time password (shown now only): {row['one_time_password']}")
