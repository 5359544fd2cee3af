"""Images and the Compose file cannot be run here; what they name must exist, and the settings must be loadable."""

import re
from pathlib import Path

import pytest
import yaml

from node.settings import Settings

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
TIERS = ("ioc", "oc", "coc")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]


@pytest.mark.parametrize("image", ["node", "ui"])
def test_an_image_copies_what_there_is_and_runs_as_nobody_special(image):
    text = (DEPLOY / "images" / f"{image}.Dockerfile").read_text("utf-8")
    sources = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert sources
    assert [one for one in sources if not (TOP / one).exists()] == []
    assert re.search(r"^USER \d{5}:\d{5}$", text, re.MULTILINE)
    assert "--require-hashes" in text


def test_the_images_hold_every_package_that_the_code_imports():
    """A folder that an image forgot would be missed at its first import."""
    copied = {
        image: set(
            re.findall(
                r"^COPY (\w+) /opt", (DEPLOY / "images" / f"{image}.Dockerfile").read_text("utf-8"), re.MULTILINE
            )
        )
        for image in ("node", "ui")
    }
    product = {"pki", "federation", "node", "modules", "ui"}
    for image, start in (("node", {"node"}), ("ui", {"ui"})):
        needed, todo = set(), set(start)
        while todo:
            package = todo.pop()
            needed.add(package)
            files = (TOP / package).rglob("*.py")
            found = {
                one
                for file in files
                for one in re.findall(r"^(?:from|import) (\w+)", file.read_text("utf-8"), re.MULTILINE)
            }
            todo |= (found & product) - needed - ({"node", "federation"} if image == "ui" else {"ui"})
        assert needed <= copied[image], image


@pytest.mark.parametrize("tier", TIERS)
def test_the_settings_of_a_container_are_usable(tier, tmp_path):
    text = (DEPLOY / "compose" / f"{tier}.toml").read_text("utf-8")
    text = text.replace("/var/lib/lienthong", str(tmp_path / "data")).replace("/opt/lienthong", str(TOP))
    (tmp_path / "node.toml").write_text(text, "utf-8")
    settings = Settings.load(tmp_path / "node.toml")
    assert settings.node.tier == tier
    assert settings.http.is_cookie_secure
    assert settings.territory.file.is_file()


def test_each_centre_has_its_node_its_screens_and_its_front(services):
    assert set(services) == {f"{tier}{part}" for tier in TIERS for part in ("", "-ui", "-front")} | {"coc-intake"}
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith(("./", "../")) and "front/" not in source.removeprefix("../front/"):
                assert (COMPOSE.parent / source).exists(), source


def test_what_strangers_reach_is_given_neither_keys_nor_database(services):
    volumes = {one.split(":")[0] for one in services["coc-intake"]["volumes"]}
    assert volumes == {"coc-intake", "./coc.toml"}
    assert "coc-intake:/run/lienthong" in services["coc"]["volumes"]
    assert "/run/lienthong" in (DEPLOY / "images" / "node.Dockerfile").read_text("utf-8")


def test_a_commune_reaches_its_district_and_nothing_above(services):
    assert services["coc"]["networks"] == ["district"]
    assert set(services["oc"]["networks"]) == {"province", "district"}
    assert services["ioc"]["networks"] == ["province"]
