"""What is done with measured numbers."""

import pytest

from bench.arithmetic import as_ms, core_percent, per_client, percentile, ratio, spread


def test_percentiles_are_values_that_were_measured():
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0


def test_of_few_samples_the_longest_is_the_99th():
    assert percentile([1.0, 2.0, 3.0], 0.99) == 3.0
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_nothing_was_measured_is_not_zero():
    assert percentile([], 0.5) is None
    assert spread([]) == {"samples": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    assert as_ms(None) is None
    assert ratio(None, 3.0) is None
    assert ratio(3.0, None) is None
    assert ratio(3.0, 0) is None


def test_durations_are_told_in_milliseconds():
    assert spread([0.01234, 0.002, 0.5]) == {"samples": 3, "p50_ms": 12.3, "p99_ms": 500.0, "max_ms": 500.0}


@pytest.mark.parametrize(("cpu_s", "seconds", "percent"), [(0.5, 10.0, 5.0), (4.0, 2.0, 200.0), (1.0, 0.0, 0.0)])
def test_processor_time_is_a_share_of_one_core(cpu_s, seconds, percent):
    assert core_percent(cpu_s, seconds) == percent


def test_a_client_costs_what_it_adds_and_never_less_than_nothing():
    assert per_client(12.0, 2.0, 20) == 0.5
    assert per_client(1.9, 2.0, 20) == 0.0


def test_a_ratio_is_ours_to_the_limit():
    assert ratio(30.0, 120.0) == 0.25
    assert ratio(1407.0, 378200.0) == 0.0037  # a small one is not nothing
