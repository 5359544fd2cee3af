"""`python -m node intake`."""

import os

from node import journal
from node.commands.plain import Config, fail, sentences
from node.intake.serving import run
from node.intake.settings import DoorSettings
from node.serving import PortError


def intake(config: Config) -> None:
    """Serve what is for everybody, apart from the node: bounded, without keys and database; the node commits."""
    os.umask(0o077)
    with sentences():
        settings = DoorSettings.load(config)
        journal.begin()
        try:
            run(settings)
        except PortError as error:
            fail(str(error))
