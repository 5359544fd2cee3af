"""What is done with the root, offline: `pki root`, `issuing`, `spare` and `signer`."""

from pathlib import Path
from typing import Annotated

import typer

from node.clock import SystemClock
from node.commands.passphrase import Ask, PassphraseFd, PassphraseFile, new_passphrase_from, passphrase_from
from node.commands.plain import sentences
from pki import founding
from pki.authority import SECOND_SIGNER

Root = Annotated[Path, typer.Option("--root", help="The root's folder.")]
Protect = Annotated[bool, typer.Option("--protect", help="Type a passphrase that protects the new key.")]


def root(
    folder: Annotated[Path, typer.Option(help="A new folder, on a medium that is then kept offline.")],
    title: Annotated[str, typer.Option(help="The federation's name, as its root certificate shows it.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
) -> None:
    """Make the root of a new federation: once, on a computer without network."""
    with sentences():
        words = new_passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase)
        founding.create_root(folder, title=title, now=SystemClock().now(), passphrase=words)
        typer.echo(f"The root is in {folder}. Keep that folder offline; only root.pem is public.")


def issuing(
    root_folder: Root,
    folder: Annotated[Path, typer.Option(help="The new folder of the authority, for the node at the top.")],
    second_signer: Annotated[
        Path | None, typer.Option(help="A new folder for the second signer's key, on another person's medium.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
    protect: Protect = False,
) -> None:
    """Make the issuing authority and two signers, and have the root certify them."""
    with sentences():
        founding.create_issuing(
            root_folder,
            folder,
            now=SystemClock().now(),
            passphrase=passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase),
            second_signer=second_signer,
            second_passphrase=new_passphrase_from(None, ask=protect),
        )
        typer.echo(f"The authority is in {folder}. Name it in [authority] folder of the node at the top,")
        typer.echo("then put the root's folder back into its safe: nothing below needs it.")
        if second_signer is None:
            typer.echo(f"Both signers' keys are in {folder}: one person alone can change the tree. Move")
            typer.echo(f"{folder / SECOND_SIGNER} to the medium of a second person, and changes wait for that person.")
        else:
            typer.echo(f"The second signer's key is in {second_signer}; it belongs to another person.")


def spare(
    root_folder: Root,
    folder: Annotated[Path, typer.Option(help="A new folder for the spare, kept offline beside the root.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
) -> None:
    """Make a spare issuing authority, which nobody believes before `pki adopt-spare`; one passphrase for both keys."""
    with sentences():
        words = passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase)
        founding.create_spare(root_folder, folder, now=SystemClock().now(), passphrase=words)
        typer.echo(f"The spare is in {folder}. Keep it offline until the issuing authority in use is lost or stolen.")


def signer(
    root_folder: Root,
    folder: Annotated[Path, typer.Option(help="A new folder for the signer's key, on that person's medium.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
    protect: Protect = False,
) -> None:
    """Make one more signer of changes of the tree."""
    with sentences():
        founding.create_signer(
            root_folder,
            folder,
            now=SystemClock().now(),
            passphrase=passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase),
            signer_passphrase=new_passphrase_from(None, ask=protect),
        )
        typer.echo(f"The signer's key is in {folder}. Give it to one person; the root goes back into its safe.")
