"""An eighth centre joins the running seven, by the very commands of docs/first-node.md."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from node.clock import SystemClock
from node.commands.check import problems
from node.demo import ports
from node.demo.check.citizen import photograph
from node.demo.check.office import Office
from node.demo.children import REPOSITORY

PAGE = (REPOSITORY / "docs" / "first-node.md").read_text(encoding="utf-8")
TEMPLATE = (REPOSITORY / "deploy" / "nodes" / "coc.toml").read_text(encoding="utf-8")


def commands(section: str) -> list[list[str]]:
    """The `python -m node ...` commands that a section of the page tells its reader to type."""
    text = PAGE.partition(f"\n## {section}")[2].partition("\n### ")[0].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"`?python -m node ((?:[^`\n])+)", text)]


def filled_in(template: str, values: dict[str, str]) -> str:
    """The settings template with some of its values replaced, each of which it must have exactly once."""
    for key, value in values.items():
        template, times = re.subn(rf'(?m)^{key} = "[^"]*"', f'{key} = "{value}"', template)
        assert times == 1, key
    return template


def settings_to_set(section: str) -> dict[str, dict[str, str]]:
    """What a section of the page tells its reader to write into a copied settings file."""
    text = PAGE.partition(f"\n## {section}")[2].partition("\n### ")[0].partition("\n## ")[0]
    lines = [line.strip() for line in text.splitlines() if re.match(r' {4,}(\[|[a-z_]+ = ")', line)]
    return tomllib.loads("\n".join(lines))


def copied(tier: str, values: dict[str, dict[str, str]], place: Path) -> Path:
    """The template copied to the top of a checkout, with nothing changed in it but the values."""
    (place / "deploy").symlink_to(REPOSITORY / "deploy")
    section, lines = "", []
    for line in (REPOSITORY / "deploy" / "nodes" / f"{tier}.toml").read_text(encoding="utf-8").splitlines():
        section = line.partition("]")[0].strip("[") if line.startswith("[") else section
        key = line.partition(" = ")[0]
        lines.append(f'{key} = "{values[section].pop(key)}"' if key in values.get(section, {}) else line)
    assert not any(values.values()), values
    (place / f"{tier}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place / f"{tier}.toml"


@pytest.mark.parametrize(("tier", "section"), [("ioc", "A. Once"), ("coc", "3. At the new centre")])
def test_a_copied_template_with_what_the_page_says_lacks_nothing_but_keys(tier, section, tmp_path):
    values = settings_to_set(section)
    values["node"]["folder"] = str(tmp_path / "node")
    file = copied(tier, values, tmp_path)
    assert "../" not in file.read_text(encoding="utf-8")
    (said,) = problems(file)
    assert "has no keys yet" in said


class Newcomer:
    """The computer of the eighth centre, and the two other files that the page speaks of."""

    def __init__(self, federation, folder):
        self.centre = federation.plan.newcomer
        sites, parent = federation.sites, federation.sites[self.centre.parent]
        self.folder = folder
        self.files = {
            "ioc.toml": str(sites["75"].settings),
            "oc.toml": str(parent.settings),
            "coc.toml": str(folder / "coc.toml"),
            "26374.token": str(folder / "25993.token"),
            "26374": self.centre.code,
            "COC phường Tam Phước": self.centre.title,
        }
        port, door = ports.choose([0, 0])
        self.url, self.citizens_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{door}"
        template = TEMPLATE.replace("127.0.0.1:8021", f"127.0.0.1:{port}").replace(
            "127.0.0.1:8022", f"127.0.0.1:{door}"
        )
        (folder / "coc.toml").write_text(
            filled_in(
                template,
                {
                    "code": self.centre.code,
                    "title": self.centre.title,
                    "folder": str(folder / "centre"),
                    "address": f"127.0.0.1:{parent.link}",
                    "enrol_address": f"127.0.0.1:{parent.enrol}",
                    "file": str(federation.plan.territory),
                },
            ),
            encoding="utf-8",
        )

    def type(self, words: list[str]) -> list[str]:
        return [sys.executable, "-m", "node", *(self.files.get(word, word) for word in words)]

    def run(self, words: list[str], typed: str = "", expected: int = 0) -> str:
        done = subprocess.run(
            self.type(words), cwd=REPOSITORY, input=typed, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == expected, (words, done.stdout, done.stderr)
        return done.stderr if expected else done.stdout


@pytest.mark.timeout(300)
async def test_an_eighth_centre_joins_by_the_page(federation, tmp_path_factory):
    await federation.start(())
    newcomer = Newcomer(federation, tmp_path_factory.mktemp("newcomer"))

    (plan,) = commands("1. At the IOC")
    assert "is planned as n-" in newcomer.run(plan)
    (token,) = (words for words in commands("2. At the parent") if "--out" in words)
    assert "The token is in" in newcomer.run(token)
    assert (newcomer.folder / "25993.token").stat().st_mode & 0o777 == 0o600

    check, enrol, serve, intake, account = commands("3. At the new centre")
    still_missing = newcomer.run(check, expected=1)
    assert len(still_missing.splitlines()) == 1
    assert "has no keys yet" in still_missing
    assert f"Enrolled as {newcomer.centre.title}" in newcomer.run(enrol)
    assert "TOKEN_USED" in newcomer.run([*enrol, "--replace"], expected=1)
    newcomer.run(check)

    with (newcomer.folder / "log").open("wb") as log:
        running = [
            subprocess.Popen(newcomer.type(words), cwd=REPOSITORY, stdout=log, stderr=log) for words in (serve, intake)
        ]
    try:
        await answering(newcomer.url)
        await answering(newcomer.citizens_url)
        newcomer.run([*account, "--password-file", "-"], typed="mot-mat-khau-dai\n")
        await it_reports_upwards(federation, newcomer)
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(30) for process in running] == [0, 0]


async def answering(url: str) -> None:
    clock = SystemClock()
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=0)) as http:
        for _ in range(300):
            try:
                if (await http.get(f"{url}/healthz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await clock.sleep(0.1)
    pytest.fail("the newcomer never answered")


async def it_reports_upwards(federation, newcomer) -> None:
    """A citizen of the new commune reports something grave; district and province hear of it, verified."""
    report = {
        "key": os.urandom(12).hex(),
        "category": "fire",
        "urgency": "danger",
        "description": "Cháy nhà xưởng, có người bên trong",
        "area_code": newcomer.centre.code,
    }
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.post(
            f"{newcomer.citizens_url}/modules/citizen/api/reports",
            data=report,
            files={"photo": ("a.jpg", photograph(3), "image/jpeg")},
            headers={"Accept": "application/json"},
        )
    assert answer.status_code == 201, answer.text
    for code in (newcomer.centre.parent, "75"):
        async with Office(federation.sites[code], federation.people[code, "operator"]) as office:
            for _ in range(200):
                found = [one for one in await office.incidents() if one["id"] == answer.json()["incident_id"]]
                if found:
                    break
                await SystemClock().sleep(0.1)
            assert found, f"{code} never heard of it"
            assert found[0]["verified"]
            assert found[0]["origin"]["code"] == newcomer.centre.code
            situation = await office.get("/api/v1/situation")
            assert newcomer.centre.title in {centre["title"] for centre in situation["centres"]}
