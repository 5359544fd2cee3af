"""A district, a commune and the commune's intake as three real processes, enrolled without a person."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port

TOP = Path(__file__).resolve().parents[3]
TERRITORY = TOP / "deploy" / "dongnai" / "territory.toml"
REPORTS = "/modules/citizen/api/reports"
JSON = {"accept": "application/json"}
LIMIT_S = 60.0


class Part:
    """One process of ours; killed when the stage is left."""

    def __init__(self, stack, folder, *arguments, environment=None):
        self.log_file = folder / f"{arguments[0]}.log"
        self.arguments = arguments
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        stack.callback(self.end, signal.SIGKILL)

    def start(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "node", *self.arguments],
                cwd=TOP,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        return self

    def end(self, number=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(LIMIT_S)
        return None if self.process is None else self.process.returncode

    def until(self, holds, within_s=LIMIT_S):
        deadline = time.monotonic() + within_s
        while True:
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(httpx.TransportError):
                if holds():
                    return
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def log(self):
        return self.log_file.read_text("utf-8")


class Stage:
    """The three, with their addresses."""

    def __init__(self, stack, folder, *, citizen="", with_district=True):
        federation = small_federation(folder, centres=THREE_TIERS)
        (_, title, tier, _), (self.code, own_title, own_tier, _) = THREE_TIERS[1:]
        self.home, above = federation.home(self.code), federation.home(THREE_TIERS[1][0])
        federation.registry_file(self.code), federation.registry_file(THREE_TIERS[1][0])
        self.http, self.door, link, above_http = (free_port() for _ in range(4))
        self.district_name = federation.name(THREE_TIERS[1][0])
        head = '[node]\ntier = "{}"\ncode = "{}"\ntitle = "{}"\nfolder = "."\n[http]\nlisten = "127.0.0.1:{}"\n'
        more = f'[territory]\nfile = "{TERRITORY}"\n[presence]\nperiod_s = 1\n'
        (above / "node.toml").write_text(
            head.format(tier, THREE_TIERS[1][0], title, above_http)
            + more
            + f'[link]\nlisten = "127.0.0.1:{link}"\n[parent]\naddress = "127.0.0.1:{free_port()}"\n',
            "utf-8",
        )
        self.config = self.home / "node.toml"
        parent = f'[parent]\naddress = "127.0.0.1:{link}"\n' if with_district else ""
        self.config.write_text(
            head.format(own_tier, self.code, own_title, self.http)
            + more
            + parent
            + f'[intake]\nlisten = "127.0.0.1:{self.door}"\n'
            + f'[modules]\nenabled = ["citizen"]\n[modules.citizen]\n{citizen}',
            "utf-8",
        )
        self.district = Part(stack, above, "serve", "--config", str(above / "node.toml"))
        self.node = Part(stack, self.home, "serve", "--config", str(self.config))
        self.intake = Part(stack, self.home, "intake", "--config", str(self.config))

    @property
    def url(self):
        """Where strangers come in."""
        return f"http://127.0.0.1:{self.door}"

    @property
    def node_url(self):
        """The node itself."""
        return f"http://127.0.0.1:{self.http}"

    def start_node(self):
        self.node.start()
        self.node.until(lambda: httpx.get(f"{self.node_url}/healthz", timeout=2).is_success)

    def start_intake(self):
        self.intake.start()
        self.intake.until(lambda: httpx.get(f"{self.url}/healthz", timeout=2).json().get("node") is not None)

    def metrics(self):
        """What the node tells a collector of this machine."""
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.home / "node.sock"))) as client:
            return client.get("http://node/local/v1/metrics").raise_for_status().text

    def rows(self, query, *values):
        """What lies in the commune's database."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(f"file:{self.home / 'node.db'}?mode=ro", uri=True)) as base:
            return base.execute(query, values).fetchall()
