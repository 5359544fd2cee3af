"""A real PostgreSQL for the length of a test run, on a Unix socket, as a user without rights."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "nobody"


class NoPostgresql(Exception):  # noqa: N818 - what is the case
    """It cannot be started here; the message says why."""


class Postgresql:
    """Servers of its own in a folder of its own; `new_database` gives a URL to an empty database."""

    def __init__(self, *, durable=False):
        """A `durable` one waits for the disk, as tests need not."""
        if not PROGRAMS:
            raise NoPostgresql("PostgreSQL is not installed")
        if os.geteuid() == 0 and not shutil.which("setpriv"):
            raise NoPostgresql("PostgreSQL does not run as root, and setpriv is absent")
        self._bin = PROGRAMS[-1]
        self._folder = Path(tempfile.mkdtemp(prefix="lt-pg-", dir="/tmp"))  # short: a socket's name is
        if os.geteuid() == 0:
            found = pwd.getpwnam(USER)
            os.chown(self._folder, found.pw_uid, found.pw_gid)
        self._count = 0
        self._run(
            "initdb", "-D", self._data, "-U", "lienthong", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder}"
        options += "" if durable else " -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-t", "30", "-o", options, "start")

    @property
    def _data(self):
        return str(self._folder / "data")

    def new_database(self, like="template1"):
        """The URL of an empty database, or of a copy of another one that nobody uses just now."""
        self._count += 1
        name = f"node{self._count}"
        like = like.rpartition("@/")[2].partition("?")[0]
        with psycopg.connect(
            host=str(self._folder), user="lienthong", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return f"postgresql+psycopg://lienthong@/{name}?host={self._folder}"

    def stop(self):
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")
        # Thousands of files of many databases: on a busy disk that takes longer than any test may, so nobody waits.
        subprocess.Popen(["/bin/rm", "-rf", str(self._folder)], start_new_session=True)

    def _run(self, program, *arguments):
        as_user = ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_user, str(self._bin / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
            timeout=60,
            text=True,
        )
        if done.returncode:
            raise NoPostgresql(f"{program} failed: {done.stdout}")
