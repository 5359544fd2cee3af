"""`python -m node pki`: the root, the authority, who shall join, and one-time tokens.

On a running node a command goes through the node's socket, so that the node knows at once and writes its audit. On a
stopped one it works on the authority's folder, or asks the parent, itself.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from federation.enrolment.visit import token_from_afar
from node import local
from node.api.tokens import centre_view, registry_view
from node.clock import SystemClock
from node.commands import pki_keys, pki_root, pki_tree
from node.commands.plain import Config, sentences
from node.local import NotRunning
from node.settings import Settings
from node.territory import Tier
from pki.authority import Authority
from pki.diagnose import diagnose
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.private_file import write_private
from pki.registry import Registry

app = typer.Typer(help="Keys, certificates, and who belongs to the federation.", no_args_is_help=True)
registry_app = typer.Typer(help="Who is who, as this node knows it.", no_args_is_help=True)
app.add_typer(registry_app, name="registry")
app.add_typer(pki_keys.app, name="keys")

ROUTE = "/local/v1/centres"
NEWCOMERS = "/local/v1/enrolments"

app.command()(pki_root.root)
app.command()(pki_root.issuing)
app.command()(pki_root.spare)
app.command()(pki_root.signer)
app.command()(pki_tree.proposal)
app.command()(pki_tree.sign)
app.command()(pki_tree.publish)
app.command()(pki_tree.deny)
app.command("adopt-spare")(pki_tree.adopt_spare)


@app.command()
def plan(
    config: Config,
    code: Annotated[str, typer.Argument(help="The administrative code, such as 26374.")],
    title: Annotated[str, typer.Option(help="The centre's name as people read it.")],
    tier: Annotated[Tier, typer.Option(help="ioc, oc or coc.")],
    parent: Annotated[str | None, typer.Option(help="The code of the centre above; none for the top.")] = None,
) -> None:
    """Announce a centre that shall join, at the node that has the authority."""
    with sentences():
        settings = Settings.load(config)
        body = {"code": code, "title": title, "tier": tier.value, "parent_code": parent}
        made = _asked(settings, "POST", ROUTE, body) or _plan(settings, body)
        if made["state"] == "proposed":
            typer.echo(f"{made['title']} is proposed as {made['name']}: a change of the tree takes two signers.")
            typer.echo("Next: python -m node pki proposal --config ... --out FILE")
            return
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
    with sentences():
        settings = Settings.load(config)
        made = _asked(settings, "POST", f"{ROUTE}/{quote(code, safe='')}/token", {"replace_keys": replace})
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
    with sentences():
        settings = Settings.load(config)
        if not yes:
            typer.confirm(f"Refuse the centre {code} from now on?", abort=True)
        gone = _asked(settings, "POST", f"{ROUTE}/{quote(code, safe='')}/revoke") or _revoke(settings, code)
        typer.echo(f"{gone['title']} ({gone['name']}) is revoked.")


@app.command()
def newcomers(config: Config) -> None:
    """List the newcomers that wait at this node until their fingerprint was compared."""
    with sentences():
        known = local.call(Settings.load(config).socket, "GET", NEWCOMERS)
        if not known["asked"]:
            typer.echo("Nobody waits: [link] approve_enrolments is off.")
        for one in known["items"]:
            typer.echo(f"{one['fingerprint']}  from {one['address']}, since {one['since'][:16]}")


@app.command()
def approve(
    config: Config,
    fingerprint: Annotated[str, typer.Argument(help="The fingerprint on the newcomer's own screen.")],
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it instead.")] = False,
) -> None:
    """Let the newcomer with this fingerprint go on to the authority; ask for it by telephone."""
    with sentences():
        body = {"decision": "refused" if refuse else "approved"}
        route = f"{NEWCOMERS}/{quote(fingerprint, safe='')}"
        decided = local.call(Settings.load(config).socket, "POST", route, body)
        typer.echo(f"{decided['fingerprint']} is {decided['decision']}.")


@app.command()
def check(config: Config) -> None:
    """Say why a peer would refuse this node, as far as this node can tell."""
    with sentences():
        keystore = Keystore.load(Settings.load(config).keys)
        problems = diagnose(keystore, _now())
        for problem in problems:
            typer.echo(f"- {problem}")
        if problems:
            raise typer.Exit(1)
        if _known(Settings.load(config)).is_stale(_now()):
            typer.echo("The registry has expired: who was revoked lately is not known here. Links go on.")
        typer.echo(f"{keystore.identity['title']} ({keystore.name}): certificates and registry are in order.")


@registry_app.command("show")
def show(config: Config) -> None:
    """List the centres of the federation with their states."""
    with sentences():
        settings = Settings.load(config)
        known = _asked(settings, "GET", ROUTE) or _registry(settings)
        titles = {one["name"]: one["title"] for one in known["centres"]}
        table = Table("code", "title", "tier", "state", "below", "name", "since")
        for one in known["centres"]:
            above = titles.get(one["parent"], "")
            table.add_row(one["code"], one["title"], one["tier"], one["state"], above, one["name"], one["since"][:16])
        typer.echo(
            f"Registry version {known['version']}, signed {known['issued_at'][:16]}, good until "
            f"{known['expires_at'][:16]}; tree {known['tree_version']}; {known['denied']} certificates denied"
        )
        Console(width=180).print(table)


def _now() -> datetime:
    return SystemClock().now()


def _asked(settings: Settings, method: str, route: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """What the running node answered; none if no node is running."""
    try:
        answer: dict[str, Any] = local.call(settings.socket, method, route, body)
    except NotRunning:
        return None
    return answer


def _plan(settings: Settings, body: dict[str, Any]) -> dict[str, Any]:
    authority = pki_tree.authority_of(settings)
    parent = authority.by_code(body["parent_code"]) if body["parent_code"] else None
    if body["parent_code"] and parent is None:
        raise PkiError("PARENT_UNKNOWN", f"no centre bears the code {body['parent_code']}")
    name = parent.name if parent else None
    return centre_view(authority.plan(body["code"], body["title"], body["tier"], name, _now()))


def _revoke(settings: Settings, code: str) -> dict[str, Any]:
    authority = pki_tree.authority_of(settings)
    entry = authority.registry.by_code(code)
    if entry is None:
        raise PkiError("UNKNOWN_CENTRE", f"no centre bears the code {code}")
    authority.revoke(entry.name, _now())
    return centre_view(entry)


def _token(settings: Settings, code: str, *, replace: bool) -> str:
    if settings.authority is not None:
        return pki_tree.authority_of(settings).issue_token(code, _now(), replace_keys=replace)
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
    return registry_view(_known(settings))
