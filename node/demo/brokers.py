"""The NATS servers of a demo whose frames go over NATS: one per parent, by the parent's own keys and registry."""

import shutil
import socket
import sys
from pathlib import Path

from federation import nats_server
from node.clock import Clock
from node.demo.children import Program
from node.demo.ports import LOOPBACK
from node.demo.sites import Site
from node.settings import Settings
from pki.keystore import Keystore
from pki.registry import RegistryFile

PROGRAM = "nats-server"


def find_program() -> Path | None:
    """The server beside this interpreter, where its package puts it, or on the path."""
    beside = Path(sys.executable).with_name(PROGRAM)
    found = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    return Path(found) if found else None


def broker(site: Site, program: Path, clock: Clock) -> Program:
    """The server of one enrolled parent, its configuration written; the node keeps it current from then on."""
    settings, keystore = Settings.load(site.settings), Keystore.load(site.keys)
    registry = RegistryFile(keystore.registry_path, keystore.root_pem, clock.now).current
    file = settings.nats_file
    nats_server.write(file, nats_server.configuration(registry, keystore, f"{LOOPBACK}:{site.nats}"))
    return Program(
        name=f"{site.centre.code}-nats",
        executable=str(program),
        arguments=("-c", str(file)),
        log=site.log.with_name(f"{site.centre.code}-nats.log"),
    )


def answers(site: Site) -> bool:
    """Whether the server listens already."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, site.nats)) == 0
