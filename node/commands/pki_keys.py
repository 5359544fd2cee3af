"""`python -m node pki keys`: a sealed copy of the keys, apart from the database, and keys that rest encrypted."""

from pathlib import Path
from typing import Annotated

import typer

from node.commands.passphrase import PassphraseFd, PassphraseFile, new_passphrase_from, passphrase_from
from node.commands.plain import Config, fail, sentences
from node.folder import FolderLock, prepare_folder
from node.settings import Settings
from pki import key_copy, locked_keys
from pki.authority import Authority
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.private_file import write_private

app = typer.Typer(help="Copies of the keys, and how they rest.", no_args_is_help=True)

OfAuthority = Annotated[bool, typer.Option("--authority", help="The authority's folder instead of the centre's keys.")]


@app.command("export")
def export(
    config: Config,
    out: Annotated[Path, typer.Option(help="The new file.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    authority: OfAuthority = False,
) -> None:
    """Write a copy of the keys and of the last registry seen, sealed with a passphrase; keep it apart from backups."""
    with sentences():
        folder = _folder(Settings.load(config), of_authority=authority)
        if out.exists():
            fail(f"{out} exists")
        ask = passphrase_file is None and passphrase_fd is None
        words = new_passphrase_from(passphrase_file, passphrase_fd, ask=ask)
        write_private(out, key_copy.seal_folder(folder, words or b""))
        typer.echo(f"{folder} is in {out}, sealed. Write the passphrase on paper, and keep the two apart.")


@app.command("import")
def bring_back(
    config: Config,
    file: Annotated[Path, typer.Argument(help="The copy.")],
    newest: Annotated[
        Path | None, typer.Option("--registry", help="A newer registry.signed, from the keys of any other node.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    authority: OfAuthority = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="There are keys here: put the copy in their place.")
    ] = False,
) -> None:
    """Put a copy of the keys back; the registry seen last stays the newest one that is known."""
    with sentences():
        settings = Settings.load(config)
        folder = _folder(settings, of_authority=authority)
        if folder.exists() and not replace:
            raise PkiError("EXISTS", f"{folder} is there already; --replace puts the copy in its place")
        ask = passphrase_file is None and passphrase_fd is None
        files = key_copy.open_copy(file.read_bytes(), passphrase_from(passphrase_file, passphrase_fd, ask=ask) or b"")
        if ("issuing.key" in files) != authority:
            kind = "an authority" if "issuing.key" in files else "a centre"
            raise PkiError("BAD_COPY", f"this is a copy of the keys of {kind}")
        prepare_folder(settings.node.folder)
        with FolderLock(settings.node.folder):
            version = key_copy.put_back(files, folder, newest.read_bytes() if newest else None)
            name = Authority.load(folder).root.subject.rfc4514_string() if authority else Keystore.load(folder).name
        typer.echo(f"The keys of {name} are in {folder}, with registry version {version}.")
        if authority:
            typer.echo(
                "Any other node shows its version with `pki registry show`. Is one newer? Then begin again, with"
            )
            typer.echo("--registry and that node's registry.signed, or this authority will contradict itself.")


@app.command()
def lock(
    config: Config, passphrase_file: Annotated[Path, typer.Option(help="Private file that a start reads.")]
) -> None:
    """Encrypt the private keys at rest; each start reads the passphrase from a file that is kept elsewhere."""
    with sentences():
        settings = Settings.load(config)
        if settings.link.nats or (settings.parent and settings.parent.nats):
            fail("over NATS the TLS key is read from its file; these keys cannot rest under a passphrase")
        with FolderLock(settings.node.folder):
            locked_keys.lock(settings.keys, passphrase_file.absolute())
            Keystore.load(settings.keys)
        typer.echo(f"The keys in {settings.keys} are encrypted; a start reads the passphrase from {passphrase_file}.")


@app.command()
def unlock(config: Config) -> None:
    """Decrypt the private keys at rest again."""
    with sentences():
        settings = Settings.load(config)
        with FolderLock(settings.node.folder):
            locked_keys.unlock(settings.keys)
        typer.echo(f"The keys in {settings.keys} are no longer encrypted; only their modes protect them.")


def _folder(settings: Settings, *, of_authority: bool) -> Path:
    if not of_authority:
        return settings.keys
    if settings.authority is None:
        raise PkiError("NO_AUTHORITY", "this node has no [authority]; run this at the node at the top")
    return settings.authority.folder
