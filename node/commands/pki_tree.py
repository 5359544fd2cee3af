"""Changes of the tree by two signers, the spare, and the deny-list: what is done at the authority's folder."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from node.clock import SystemClock
from node.commands.passphrase import Ask, PassphraseFd, PassphraseFile, passphrase_from
from node.commands.plain import Config, sentences
from node.settings import Settings
from pki import encoding
from pki.approval import SigningKey, tree_fingerprint
from pki.authority import Authority
from pki.errors import PkiError
from pki.private_file import check_private, read_private, write_private
from pki.proposal import Proposal, changes, read_proposal
from pki.registry import Registry

File = Annotated[Path, typer.Argument(help="The proposal's file.")]


def authority_of(settings: Settings) -> Authority:
    """The authority of this node; NO_AUTHORITY elsewhere."""
    if settings.authority is None:
        raise PkiError("NO_AUTHORITY", "this node has no [authority]; run this at the node at the top")
    return Authority.load(settings.authority.folder)


def proposal(
    config: Config,
    out: Annotated[Path | None, typer.Option(help="Write the proposal to this file, for the second signer.")] = None,
    *,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Forget it instead.")] = False,
) -> None:
    """Show the change of the tree that waits for the second signer, or write it to a file."""
    with sentences():
        authority = authority_of(Settings.load(config))
        waiting = authority.proposal
        if waiting is None:
            typer.echo("Nothing waits for a second signer.")
            return
        if withdraw:
            authority.withdraw(_now())
            typer.echo("The proposal is forgotten.")
            return
        _show(waiting, authority.registry)
        if out is not None:
            write_private(out, waiting.encoded())
            typer.echo(f"Bring {out} to the second signer: python -m node pki sign {out} --signer FOLDER")


def sign(
    file: File,
    signer: Annotated[Path, typer.Option(help="The signer's folder.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Show what a proposal changes, and approve it with the second signer's key; needs no network and no node."""
    with sentences():
        check_private(signer)
        root_pem = read_private(signer / "root.pem")
        waiting = read_proposal(file.read_bytes())
        _show(waiting, Registry.verified(waiting.base, root_pem))
        if not yes:
            typer.confirm(
                "Is the fingerprint the same as on the first signer's screen, and shall this happen?", abort=True
            )
        words = passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase)
        key = SigningKey.load(signer, passphrase=words)
        write_private(file, waiting.approved(key, encoding.from_pem(root_pem, "root.pem")).encoded())
        typer.echo(f"Signed. Bring {file} back: python -m node pki publish {file} --config ...")


def publish(config: Config, file: File) -> None:
    """Put a proposal into force that two signers approved, at the node that has the authority."""
    with sentences():
        for change in authority_of(Settings.load(config)).publish(file.read_bytes(), _now()):
            typer.echo(change)
        typer.echo("In force. A running node passes it on within a minute.")


def adopt_spare(
    config: Config,
    spare: Annotated[Path, typer.Option(help="The spare's folder.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    *,
    ask_passphrase: Ask = False,
) -> None:
    """Let the spare certify from now on: a change of the tree, which takes two signers."""
    with sentences():
        words = passphrase_from(passphrase_file, passphrase_fd, ask=ask_passphrase)
        done = authority_of(Settings.load(config)).adopt_spare(spare, _now(), words)
        typer.echo(
            "The spare certifies from now on." if done else "Proposed. Next: python -m node pki proposal --out FILE"
        )
        typer.echo("Was the old one stolen? Then also: python -m node pki deny --certificate OLD/issuing.pem --root")


def deny(
    config: Config,
    certificate: Annotated[Path, typer.Option(help="The certificate that nobody shall take any more (PEM).")],
    *,
    root: Annotated[
        bool, typer.Option("--root", help="The root signed it: an issuing authority, or a signer's delegation.")
    ] = False,
) -> None:
    """Put one certificate on the deny-list for ever, at the node that has the authority; one signature is enough."""
    with sentences():
        authority = authority_of(Settings.load(config))
        gone = encoding.from_pem(certificate.read_bytes(), str(certificate))
        issuer = _issuer(authority, gone, by_root=root)
        authority.deny(issuer, gone.serial_number, gone.not_valid_after_utc, _now())
        typer.echo(
            f"Certificate {gone.serial_number:x} is on the deny-list. A running node passes it on within a minute."
        )


def _issuer(authority: Authority, certificate: x509.Certificate, *, by_root: bool) -> bytes:
    known = (encoding.from_der(one, "an issuing CA") for one in authority.registry.issuing_certificates)
    for issuer in (authority.root,) if by_root else known:
        if encoding.is_signed_by(certificate, issuer):
            return encoding.issuer_key(issuer)
    raise PkiError("UNKNOWN_ISSUER", "no authority of this federation signed that certificate")


def _show(waiting: Proposal, registry: Registry) -> None:
    for change in changes(registry, waiting.contents):
        typer.echo(change)
    typer.echo(f"Tree {waiting.contents.tree_version}, signed by {len(waiting.approvals)} of 2.")
    typer.echo(f"Fingerprint: {tree_fingerprint(waiting.contents)}")


def _now() -> datetime:
    return SystemClock().now()
