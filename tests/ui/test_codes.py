"""What the node says by a code has words in both languages, whatever module or program said it."""

import ast
import re

from node.api.alarms import _CASE_TITLES, ALARM_TITLES
from node.incident.steps import ACTIONS
from tests.ui.conftest import HOUSE
from ui.texts.words import coded, english

_CODE = re.compile(r"[A-Z][A-Z_]{2,}")
_ACT = re.compile(r"[a-z]+(\.[a-z_]+)+")
_OF_ALARMS = {"raise_alarm", "ring", "_ring", "Refused", "Trouble", "FrameInvalid"}
_PLACES = re.compile(r"\{(\w+)\}")
_DOMAINS = {
    "access",
    "account",
    "audit",
    "backup",
    "centre",
    "factor",
    "figure",
    "ledger",
    "login",
    "original",
    "parked",
}
_DOMAINS |= {"quarantine", "report", "restore", "session", "token"}


def _trees(*folders):
    for folder in folders:
        for file in (HOUSE / folder).rglob("*.py"):
            if "v1" not in file.parts:
                yield file, ast.parse(file.read_text("utf-8"))


def _first_codes(names, *folders):
    """Codes that are handed to calls of these names as they stand."""
    found = set()
    for _, tree in _trees(*folders):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            said = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found |= {one for one in said if name in names and _CODE.fullmatch(one)}
    return found


def _acts():
    """Whatever looks like an act in a file that writes the audit."""
    found = set()
    for file, tree in _trees("node", "modules"):
        if "audit.record(" not in file.read_text("utf-8"):
            continue
        said = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        found |= {one for one in said if _ACT.fullmatch(one) and one.partition(".")[0] in _DOMAINS}
    return found


def has(code):
    return all(coded(language).get(code) for language in ("vi", "en"))


def test_both_languages_say_the_same_places():
    for code, vietnamese in coded("vi").items():
        words = coded("en")[code]
        assert vietnamese != words, code
        assert set(_PLACES.findall(vietnamese)) >= set(_PLACES.findall(words)), code


def test_every_alarm_has_a_title_and_says_what_to_do():
    codes = _first_codes(_OF_ALARMS, "federation", "node") | set(ALARM_TITLES)
    assert {"FORK", "NO_RECEIPT", "GIVEN_BACK", "WITHHELD", "SAFE_LOST"} <= codes
    told = {code for code in codes if has(f"alarm:{code}") and has(f"advice:{code}")}
    cases = {code for code in codes - told if all(has(f"alarm:{code}.{case}") for case in _cases(code))}
    assert sorted(codes - told - cases) == []


def _cases(code):
    ahead = ["here", "there"]
    assert set(_CASE_TITLES) == {*ahead, "unknown", "child", "address", "parent"}
    return ahead if code.endswith("_AHEAD") else sorted(set(_CASE_TITLES) - set(ahead))


def test_every_fault_of_a_line_has_words():
    codes = _first_codes({"LinkError", "GateRefused"}, "federation", "pki")
    assert {"UNREACHABLE", "WRONG_KEY"} <= codes
    assert sorted(code for code in codes if not has(f"link:{code}")) == []


def test_every_act_of_the_audit_has_words():
    acts = _acts() - {"factor.key", "session.key"}  # files, no acts
    assert {"login.begin", "original.got", "restore.settle", "report.retention"} <= acts
    assert sorted(act for act in acts if not has(f"audit:{act}")) == []
    assert sorted(name for name in ACTIONS if not has(f"audit:step.{name}")) == []
    assert sorted(name for name in ACTIONS if f"action:{name}" not in english()) == []
