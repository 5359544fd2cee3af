"""The demo's plan is one tree of seven, and ports are found."""

import socket

import pytest

from node.demo import ports
from node.demo.plan import DemoPlan


def test_the_demo_has_one_province_two_districts_four_communes():
    plan = DemoPlan.load()
    assert [[centre.tier for centre in level] for level in plan.levels()] == [["ioc"], ["oc"] * 2, ["coc"] * 4]
    assert plan.root.code == "75"
    assert [centre.code for centre in plan.children("731")] == ["26374", "26377"]
    assert "01/06/2025" in plan.label
    assert {centre.tier for centre in plan.centres if centre.dashboard} == {"ioc", "oc", "coc"}


def test_centres_that_make_no_tree_are_refused(tmp_path):
    text = (
        'label = "x"\nvalid_on = 2025-06-01\nterritory = "t.toml"\nfirst_port = 1\n'
        '[newcomer]\ncode = "9"\ntier = "coc"\ntitle = "n"\n'
        '[[centre]]\ncode = "1"\ntier = "ioc"\ntitle = "r"\n'
        '[[centre]]\ncode = "2"\ntier = "oc"\ntitle = "s"\nparent = "3"\n'
    )
    (tmp_path / "demo.toml").write_text(text)
    with pytest.raises(ValueError, match="one tree"):
        DemoPlan.load(tmp_path / "demo.toml")


def test_a_taken_port_is_replaced_and_no_port_is_given_twice():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert not ports.is_free(number)
        chosen = ports.choose([number, number, 0, 0])
    assert number not in chosen
    assert len(set(chosen)) == 4
    assert ports.choose([chosen[0], chosen[0]])[0] == chosen[0]
