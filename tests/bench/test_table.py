"""The tables for people, also where something was not measured."""

from bench import table

MACHINE = {
    "cores": 2,
    "file_system": "ext4",
    "python": "3",
    "sqlite": "3",
    "load_before": 0.1,
    "load_after": 0.2,
    "seconds": 9,
}
SPREAD = {"samples": 3, "p50_ms": 21.5, "p99_ms": 60.1, "max_ms": 61.0}
NOTHING = {"samples": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
NAMES = ("province_api", "district_screen", "province_screen")
JOURNEY = {
    "at_rest": dict.fromkeys(NAMES, SPREAD),
    "with_backlog": dict.fromkeys(NAMES, NOTHING),
    "bare_hops": SPREAD,
    "ratio_p50": 1.0,
    "two_hops": {
        "records_per_s": 2345,
        "bare_records_per_s": 9380,
        "ratio": 0.25,
        "commune_cpu_us": 1.0,
        "district_cpu_us": 2.0,
        "province_cpu_us": 3.0,
    },
}
PAGE = {"server_cpu_s": 0.2, "server_mb": 1.5, "shown": SPREAD}
PUSH = {
    "clients": 20,
    "cpu_percent_per_client": 0.02,
    "bare_cpu_percent_per_client": 0.0,
    "ratio": None,
    "mb_per_client": 0.3,
    "bare_mb_per_client": 0.1,
    "messages_per_client_s": 1.5,
    "kb_per_client_s": 12.0,
}
SCREENS = {
    "push": [PUSH],
    "without_clients": {"cpu_percent": {"node": 1.0}, "rss_mb": {"node": 99.0}},
    "page": PAGE | {"bare_page": PAGE, "ratio": 1.0},
}
TIER = {"rss_mb": 90, "cpu_percent": 0.3, "wakeups_per_s": 8.0, "ratio_rss": 1.8}
IDLE = {"seconds": 30, "tiers": {"commune": TIER}, "bare_idle": TIER}
RECONNECTION = {
    "children": 170,
    "down_s": 2.0,
    "all_acknowledged_s": 8.5,
    "half_acknowledged_s": 4.0,
    "records": 17000,
    "parent_peak_mb": 150,
    "without_receipt": 0,
}


def whole(**parts):
    return {"machine": MACHINE, "throughput": [], "reconnection": []} | parts


def cells(text, beginning):
    line = next(line for line in text.splitlines() if line.startswith(beginning))
    return line.split()


def test_every_part_has_its_table():
    text = table.text(whole(journey=JOURNEY, idle=IDLE, screens=SCREENS, reconnection=[RECONNECTION]))
    assert cells(text, "the province's API knows it")[-7:] == ["21.5", "60.1", "61.0", "3", "-", "-", "0"]
    assert cells(text, "verified at both")[-6:] == ["2345", "9380", "0.25", "1.0", "2.0", "3.0"]
    assert cells(text, "commune  ")[-4:] == ["90", "0.3", "8.0", "1.8"]
    assert cells(text, "20 clients")[-7:] == ["0.02", "0.0", "-", "0.3", "0.1", "1.5", "12.0"]
    assert cells(text, "the situation")[-4:] == ["0.2", "1.5", "21.5", "1.0"]
    assert cells(text, "170 children")[-5:] == ["8.5", "4.0", "17000", "150", "0"]


def test_without_a_browser_the_table_says_so():
    assert "no browser here" in table.text(whole(screens=SCREENS | {"page": None}))


def test_what_failed_is_told_below_what_was_measured():
    text = table.text(whole(reconnection=[RECONNECTION], failed=["journey: DidNotCome: no child"]))
    assert "170 children" in text
    assert text.splitlines()[-1] == "FAILED journey: DidNotCome: no child"
