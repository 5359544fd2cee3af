"""`python -m node pki`: the root, the authority, who shall join, and one-time tokens.

On a running node a command goes through the node's socket, so that the node knows at once and writes its audit. On a
stopped one it works on the authority's folder, or asks the parent, itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table

from federation.enrolment.visit import token_from_afar
from node.api.tokens import centre_view
from node.clock import SystemClock
from node.settings import Settings, SettingsError
from node.territory import Tier
from pki import authority as office
from pki.authority import Authority
from pki.diagnose import diagnose
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.private_file import write_private
from pki.registry import Registry

app = typer.Typer(help="Keys, certificates, and who belongs to the federation.", no_args_is_help=True)
registry_app = typer.Typer(help="Who is who, as this node knows it.", no_args_is_help=True)
app.add_typer(registry_app, name="registry")

Config = Annotated[Path, typer.Option(help="The node's settings file.")]
Passphrase = Annotated[Path | None, typer.Option(help="File whose first line protects the root's key.")]


@app.command()
def root(
    folder: Annotated[Path, typer.Option(help="A new folder, on a medium that is then kept offline.")],
    title: Annotated[str, typer.Option(help="The federation's name, as its root certificate shows it.")],
    passphrase_file: Passphrase = None,
) -> None:
    """Make the root of a new federation: once, on a computer without network."""
    with _plainly():
        office.create_root(folder, title=title, now=_now(), passphrase=_passphrase(passphrase_file))
        typer.echo(f"The root is in {folder}. Keep that folder offline; only root.pem is public.")


@app.command()
def issuing(
    root_folder: Annotated[Path, typer.Option("--root", help="The root's folder.")],
    folder: Annotated[Path, typer.Option(help="The new folder of the authority, for the node at the top.")],
    passphrase_file: Passphrase = None,
) -> None:
    """Make the issuing authority and have the root certify it."""
    with _plainly():
        office.create_issuing(root_folder, folder, now=_now(), passphrase=_passphrase(passphrase_file))
        typer.echo(f"The authority is in {folder}. Name it in [authority] folder of the node at the top,")
        typer.echo("then put the root's folder back into its safe: nothing below needs it.")


@app.command()
def plan(
    config: Config,
    code: Annotated[str, typer.Argument(help="The administrative code, such as 26374.")],
    title: Annotated[str, typer.Option(help="The centre's name as people read it.")],
    tier: Annotated[Tier, typer.Option(help="ioc, oc or coc.")],
    parent: Annotated[str | None, typer.Option(help="The code of the centre above; none for the top.")] = None,
) -> None:
    """Announce a centre that shall join, at the node that has the authority."""
    with _plainly():
        settings = Settings.load(config)
        body = {"code": code, "title": title, "tier": tier.value, "parent_code": parent}
        made = _through_socket(settings, "POST", "/local/v1/centres", body) or _plan(settings, body)
        typer.echo(f"{made['title']} is planned as {made['name']}. Next: python -m node pki token --config ... {code}")


@app.command()
def token(
    config: Config,
    code: Annotated[str, typer.Argument(help="The code of the planned centre.")],
    out: Annotated[Path | None, typer.Option(help="Write the token to this file (0600) and not to the screen.")] = None,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="The centre has joined already and shall change its keys.")
    ] = False,
) -> None:
    """Make a one-time token, valid for a day, for one planned centre."""
    with _plainly():
        settings = Settings.load(config)
        path = f"/local/v1/centres/{quote(code, safe='')}/token"
        made = _through_socket(settings, "POST", path, {"replace_keys": replace})
        text = made["token"] if made else _token(settings, code, replace=replace)
        if out is None:
            typer.echo(text)
            return
        write_private(out, f"{text}\n".encode())
        typer.echo(
            f"The token is in {out}. Bring it to the new centre by a way you trust; it works once, for 24 hours."
        )


@app.command()
def revoke(
    config: Config,
    code: Annotated[str, typer.Argument(help="The code of the centre that leaves.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """End a centre's membership, at the node that has the authority; its past records still verify."""
    with _plainly():
        settings = Settings.load(config)
        if not yes:
            typer.confirm(f"Refuse the centre {code} from now on?", abort=True)
        path = f"/local/v1/centres/{quote(code, safe='')}/revoke"
        gone = _through_socket(settings, "POST", path, {}) or _revoke(settings, code)
        typer.echo(f"{gone['title']} ({gone['name']}) is revoked.")


@app.command()
def check(config: Config) -> None:
    """Say why a peer would refuse this node, as far as this node can tell."""
    with _plainly():
        keystore = Keystore.load(Settings.load(config).keys)
        problems = diagnose(keystore, _now())
        for problem in problems:
            typer.echo(f"- {problem}")
        if problems:
            raise typer.Exit(1)
        typer.echo(f"{keystore.identity['title']} ({keystore.name}): certificates and registry are in order.")


@registry_app.command("show")
def show(config: Config) -> None:
    """List the centres of the federation with their states."""
    with _plainly():
        settings = Settings.load(config)
        known = _through_socket(settings, "GET", "/local/v1/centres", None) or _registry(settings)
        titles = {one["name"]: one["title"] for one in known["centres"]}
        table = Table("code", "title", "tier", "state", "below", "name", "since")
        for one in known["centres"]:
            above = titles.get(one["parent"], "")
            table.add_row(one["code"], one["title"], one["tier"], one["state"], above, one["name"], one["since"][:16])
        typer.echo(f"Registry version {known['version']}, signed {known['issued_at'][:16]}")
        Console(width=180).print(table)


def _now() -> datetime:
    return SystemClock().now()


@contextmanager
def _plainly() -> Iterator[None]:
    """Turns what may go wrong in operation into one sentence and exit code 1."""
    try:
        yield
    except (PkiError, SettingsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


def _passphrase(file: Path | None) -> bytes | None:
    if file is None:
        return None
    lines = file.read_text("utf-8").splitlines()
    if not lines or not lines[0]:
        raise PkiError("PASSPHRASE", f"{file} has no passphrase in its first line")
    return lines[0].encode()


def _through_socket(settings: Settings, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the running node answered; none if no node is running."""
    if not settings.socket.exists():
        return None
    transport = httpx.HTTPTransport(uds=str(settings.socket))
    try:
        with httpx.Client(transport=transport, base_url="http://node.local", timeout=30.0) as client:
            answer = client.request(method, path, json=body)
    except httpx.ConnectError:
        return None  # left behind by a node that was killed
    except httpx.HTTPError as error:
        raise PkiError("UNREACHABLE", f"the running node does not answer on its socket ({error})") from error
    if answer.is_error:
        raise _problem(answer)
    found: dict[str, Any] = answer.json()
    return found


def _problem(answer: httpx.Response) -> PkiError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return PkiError(str(body.get("reason_code", answer.status_code)), str(body.get("detail") or answer.reason_phrase))


def _authority(settings: Settings) -> Authority:
    if settings.authority is None:
        raise PkiError("NO_AUTHORITY", "this node has no [authority]; run this at the node at the top")
    return Authority.load(settings.authority.folder)


def _plan(settings: Settings, body: dict[str, Any]) -> dict[str, Any]:
    authority = _authority(settings)
    parent = authority.registry.by_code(body["parent_code"]) if body["parent_code"] else None
    if body["parent_code"] and parent is None:
        raise PkiError("PARENT_UNKNOWN", f"no centre bears the code {body['parent_code']}")
    name = parent.name if parent else None
    return centre_view(authority.plan(body["code"], body["title"], body["tier"], name, _now()))


def _revoke(settings: Settings, code: str) -> dict[str, Any]:
    authority = _authority(settings)
    entry = authority.registry.by_code(code)
    if entry is None:
        raise PkiError("UNKNOWN_CENTRE", f"no centre bears the code {code}")
    authority.revoke(entry.name, _now())
    return centre_view(entry)


def _token(settings: Settings, code: str, *, replace: bool) -> str:
    if settings.authority is not None:
        return _authority(settings).issue_token(code, _now(), replace_keys=replace)
    if replace:
        raise PkiError("NO_AUTHORITY", "only the node that has the authority may replace a centre's keys")
    keystore = Keystore.load(settings.keys)
    parent = _known(settings).parent_of(keystore.name)
    if settings.parent is None or parent is None:
        raise PkiError("NO_AUTHORITY", "this node has neither the authority nor a parent to ask")
    return token_from_afar(settings.parent.address, keystore, parent, code)


def _known(settings: Settings) -> Registry:
    if settings.authority is not None:
        return Authority.load(settings.authority.folder).registry
    keystore = Keystore.load(settings.keys)
    return Registry.verified(keystore.registry_path.read_bytes(), keystore.root_pem)


def _registry(settings: Settings) -> dict[str, Any]:
    registry = _known(settings)
    centres = [centre_view(one) for one in registry.centres]
    return {"version": registry.version, "issued_at": registry.issued_at.isoformat(), "centres": centres}
