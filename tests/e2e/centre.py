"""One real centre in a process of its own, with the module for citizens, for tests that look at its whole surface."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.fakes.authority import empty_federation
from tests.fakes.ports import free_port

TOP = Path(__file__).resolve().parents[2]
CODE = "26374"


class Centre:
    """A commune: its settings, its process, its log."""

    def __init__(self, folder, *, second_factor=()):
        federation = empty_federation(folder / "federation")
        federation.join(CODE, "COC phường Tam Phước", "coc", None)
        self.home, self.log = federation.home(CODE), folder / "node.log"
        self.http, self.screens, self.metrics = free_port(), free_port(), free_port()
        self.settings = folder / "node.toml"
        self.settings.write_text(
            f'[node]\ntier = "coc"\ncode = "{CODE}"\ntitle = "COC phường Tam Phước"\nfolder = "{self.home}"\n'
            f'[http]\nlisten = "127.0.0.1:{self.http}"\npublic_url = "http://127.0.0.1:{self.screens}"\n'
            f'[metrics]\nlisten = "127.0.0.1:{self.metrics}"\n'
            f"[accounts]\nsecond_factor = {json.dumps(list(second_factor))}\n"
            f'[territory]\nfile = "{TOP / "deploy/dongnai/territory.toml"}"\n'
            '[modules]\nenabled = ["citizen"]\n[modules.citizen]\nreports_per_minute = 6000\n',
            "utf-8",
        )
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    def command(self, *words, text=None, check=True):
        line = [sys.executable, "-m", "node", *words, "--config", str(self.settings)]
        return subprocess.run(line, input=text, capture_output=True, text=True, cwd=TOP, check=check, timeout=60)

    def account(self, username, role, password, name=""):
        words = ("account", "add", username, "--role", role, "--name", name, "--password-file", "-")
        return self.command(*words, text=password + "\n")

    def start(self):
        with self.log.open("ab") as log:
            line = [sys.executable, "-m", "node", "serve", "--config", str(self.settings)]
            self.process = subprocess.Popen(line, cwd=TOP, stdout=log, stderr=log, env=dict(os.environ))
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text("utf-8")
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return self
            except httpx.HTTPError:
                threading.Event().wait(0.1)
        raise AssertionError(self.log.read_text("utf-8"))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
