"""Serve strangers until told to stop: a port, a line to the node, and no right to anything else."""

import contextlib
import logging
import os
import resource
import signal
import sys
from pathlib import Path

import uvicorn

from node.catalog import load
from node.clock import SystemClock
from node.intake.application import Door, intake_application
from node.intake.confine import ConfineError, confine
from node.intake.line import Line
from node.intake.settings import DoorSettings
from node.pace import Pace
from node.serving import GRACE_S, bind
from node.settings import SettingsError, forget_environment
from node.territory import Centre, Territory

log = logging.getLogger(__name__)

HOUSE = Path(__file__).resolve().parents[2]
CODE = ("pki", "federation", "node", "modules")
DEVICES = (Path("/dev/null"), Path("/dev/urandom"))
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
MOST_FILES = 4096
LESS_URGENT = 5


def run(settings: DoorSettings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    catalog = load(settings.modules, settings.node.tier)
    modules = tuple(module for module in catalog.modules if module.public)
    if not modules:
        raise SettingsError(["modules.enabled: none of them has a page for everybody, so there is nothing to serve"])
    node, clock = settings.node, SystemClock()
    door = Door(
        centre=Centre("", node.code, node.title, node.tier, area_code=node.code, parent=None),
        territory=Territory.load(settings.territory.file),
        clock=clock,
        random=os.urandom,
        pace=Pace(clock),
        module_settings=catalog.settings,
    )
    opened = bind(settings.listen, "intake.listen")
    limits = settings.intake
    with Line(settings.socket, at_once=limits.at_once, waiting=limits.waiting, wait_s=limits.wait_s) as line:
        app = intake_application(door, line, modules)
        give_up_rights(settings)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,  # a proxy of this machine says who asks; nobody else is believed
            forwarded_allow_ips=["127.0.0.1", "::1"],
            ws="none",
            timeout_keep_alive=10,
            timeout_graceful_shutdown=GRACE_S,
            backlog=1024,
        )
        signal.signal(signal.SIGTERM, lambda *_: None)  # the server ends by it, and raises it again for us
        log.info("intake is open", extra={"centre": node.title, "http": settings.listen})
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[opened])
        log.info("intake is closed")


def give_up_rights(settings: DoorSettings) -> None:
    """Leave this process code to read and its two sockets; raises SettingsError where that would leave it more."""
    forget_environment()
    with contextlib.suppress(OSError):  # a service manager may have set it, and forbid it
        os.nice(LESS_URGENT)
    files = min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    readable = readable_folders()
    folder = settings.node.folder.resolve()
    around = [path for path in readable if folder.is_relative_to(path)]
    if around:
        raise SettingsError([f"node.folder: lies inside {around[0]}, which the intake process has to read"])
    try:
        version = confine(readable, DEVICES)
    except ConfineError as error:
        raise SettingsError([f"intake: {error}"]) from error
    if version == 0:
        log.warning("this kernel cannot confine a process; give intake a user of its own")
    else:
        log.info("intake is confined", extra={"landlock": version})


def readable_folders() -> list[Path]:
    """Give what the interpreter needs to run: our code, Python, the system's libraries."""
    python = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)}
    known = [*(HOUSE / name for name in CODE), *sorted(python), *(Path(name) for name in SYSTEM)]
    return [path.resolve() for path in known if path.exists()]
