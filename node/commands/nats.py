"""`python -m node nats`: the configuration of this centre's own NATS server."""

import typer

from federation import nats_server
from node.clock import SystemClock
from node.commands.plain import Config, fail, sentences
from node.settings import Settings
from pki.keystore import Keystore
from pki.registry import RegistryFile

app = typer.Typer(help="The configuration of this centre's own NATS server.", no_args_is_help=True)


@app.callback()
def nats() -> None:
    """Keep the group a group while it has one command."""


@app.command("config")
def write_configuration(config: Config) -> None:
    """Write down for the NATS server who may come in; a running node does so by itself when the registry changes."""
    with sentences():
        settings = Settings.load(config)
        address = settings.link.nats or ""
        if not address:
            fail("link.nats: is missing; it names the address where the server is to listen")
        keystore = Keystore.load(settings.keys)
        registry = RegistryFile(keystore.registry_path, keystore.root_pem, SystemClock().now).current
        content = nats_server.configuration(registry, keystore, address)
        is_new = nats_server.write(settings.nats_file, content)
    typer.echo(f"{settings.nats_file}: {'written' if is_new else 'is up to date'}; start with: nats-server -c FILE")
