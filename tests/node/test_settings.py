import pytest

from node.settings import Settings, SettingsError, failpoint_from_environment
from tests.node.conftest import TERRITORY

GOOD = f"""
[node]
tier = "coc"
code = "26374"
title = "Phường Tam Phước"
folder = "data"

[territory]
file = "{TERRITORY}"
"""


def load(tmp_path, text):
    file = tmp_path / "node.toml"
    file.write_text(text, "utf-8")
    return Settings.load(file)


def problems(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    return caught.value.problems


def test_the_smallest_file(tmp_path):
    settings = load(tmp_path, GOOD)
    assert settings.node.folder == tmp_path / "data"
    assert settings.keys == tmp_path / "data" / "keys"
    assert settings.socket == tmp_path / "data" / "node.sock"
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'node.db'}"
    assert settings.http.listen == "127.0.0.1:8001"
    assert settings.parent is None
    assert settings.link.listen is None


def test_relative_paths_start_at_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = load(tmp_path, GOOD.replace(str(TERRITORY), "facts/t.toml") + '[authority]\nfolder = "authority"\n')
    assert settings.territory.file == tmp_path / "facts" / "t.toml"
    assert settings.authority.folder == tmp_path / "authority"


def test_the_environment_overrides_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LIENTHONG_NODE__CODE", "26377")
    monkeypatch.setenv("LIENTHONG_HTTP__LISTEN", "127.0.0.1:9009")
    monkeypatch.setenv("LIENTHONG_MODULES__ENABLED", '["citizen"]')
    monkeypatch.setenv("LIENTHONG_MODULES__CITIZEN__HOTLINE", "0251")
    settings = load(tmp_path, GOOD)
    assert settings.node.code == "26377"
    assert settings.node.title == "Phường Tam Phước"
    assert settings.http.listen == "127.0.0.1:9009"
    assert settings.modules.enabled == ("citizen",)
    assert settings.modules.section("citizen") == {"hotline": "0251"}


def test_other_variables_of_ours_are_no_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("LIENTHONG_DATA", "/somewhere")
    monkeypatch.setenv("LIENTHONG_FAILPOINT", "database.before_commit:kill@3")
    load(tmp_path, GOOD)
    assert failpoint_from_environment() == "database.before_commit:kill@3"


def test_every_problem_is_listed_at_once(tmp_path):
    text = GOOD.replace('tier = "coc"', 'tier = "district"').replace('code = "26374"\n', "")
    found = problems(
        tmp_path, text + '[http]\nlisten = "0.0.0.0:8001"\n[lnk]\nlisten = "x"\n[presence]\nperiod_s = -1\n'
    )
    assert [problem.split(":")[0] for problem in found] == [
        "node.tier",
        "node.code",
        "http.listen",
        "presence.period_s",
        "lnk",
    ]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('[http]\nlisen = "127.0.0.1:1"', "http.lisen: is unknown; did you mean listen?"),
        ('[prent]\naddress = "127.0.0.1:1"', "prent: is unknown; did you mean parent?"),
        ('[parent]\nadress = "127.0.0.1:1"', "parent.address: is missing"),
        ('[http]\nlisten = "[::]:8001"', "would listen on every network"),
        ('[http]\nlisten = ":8001"', "names no host"),
        ('[http]\nlisten = "127.0.0.1"', "is no address"),
        ('[http]\nlisten = "127.0.0.1:70000"', "is no address"),
        ('[link]\nlisten = "a b:1"', "has a host that is none"),
        ('[http]\nlisten = "10.1.2.3:8001"', "clear text"),
        ('[http]\npublic_url = "oc.example.vn"', "must be an origin"),
        ('[http]\npublic_url = "https://oc.example.vn/dash"', "must be an origin"),
        ('[database]\nurl = "mysql://x"', "must begin with sqlite"),
        ('[database]\nurl = "sqlite:///:memory:"', "only in memory is lost"),
        ("[modules]\nenabled = 3", "modules.enabled"),
    ],
)
def test_a_problem_is_said_in_plain_words(tmp_path, more, sentence):
    assert any(sentence in problem for problem in problems(tmp_path, GOOD + more)), problems(tmp_path, GOOD + more)


def test_an_outside_address_needs_https_in_front(tmp_path):
    settings = load(tmp_path, GOOD + '[http]\nlisten = "10.1.2.3:8001"\npublic_url = "https://oc.example.vn"\n')
    assert settings.http.is_cookie_secure
    assert settings.http.origin == "https://oc.example.vn"


def test_a_password_in_an_address_is_not_repeated(tmp_path):
    found = problems(tmp_path, GOOD + '[database]\nurl = "postgresql://u:geheim@h/d"\n')
    assert "geheim" not in " ".join(found)


def test_no_file_and_no_toml(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(tmp_path / "absent.toml")
    assert "is no TOML" in problems(tmp_path, "[node\n")[0]


def test_a_folder_that_others_write_in_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    assert "others may write" in problems(tmp_path, GOOD)[0]


def test_the_right_sections_of_a_wrong_file(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text(GOOD + '[http]\nlisten = "x"\n', "utf-8")
    assert set(Settings.sections(file)) == {"node", "territory"}


@pytest.mark.parametrize("tier", ["ioc", "oc", "coc"])
def test_the_templates_that_are_delivered_load(tier, monkeypatch):
    template = TERRITORY.parents[1] / "nodes" / f"{tier}.toml"
    settings = Settings.load(template)
    assert settings.node.tier.value == tier
    assert settings.territory.file.resolve() == TERRITORY
