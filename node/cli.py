"""The commands of a node, put together; each group is in a file of its own."""

import typer

from node.commands import account, backup, citizen, enrol, evidence, nats, parked, pki, restore, territory
from node.commands.check import check
from node.commands.doctor import doctor
from node.commands.intake import intake
from node.commands.serve import apply_migrations, modules, serve
from node.commands.verify import verify
from node.demo import command as demo
from node.drill import command as drill

app = typer.Typer(
    help="One operations centre: the same package is an IOC, an OC or a COC by its settings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve)
app.command()(intake)
app.command()(check)
app.command("migrate")(apply_migrations)
app.command()(modules)
app.command()(verify)
app.command()(doctor)
app.add_typer(enrol.app, name="enrol")
app.add_typer(account.app, name="account")
app.add_typer(citizen.app, name="citizen")
app.add_typer(pki.app, name="pki")
app.add_typer(territory.app, name="territory")
app.add_typer(evidence.app, name="evidence")
app.add_typer(backup.app, name="backup")
app.add_typer(restore.app, name="restore")
app.add_typer(restore.quarantine, name="quarantine")
app.add_typer(parked.app, name="parked")
app.add_typer(nats.app, name="nats")
app.add_typer(demo.app, name="demo")
app.add_typer(drill.app, name="drill")
