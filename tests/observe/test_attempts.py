"""What is remembered of attempts, and that it stays bounded."""

from engine.limits import Limits
from engine.observe.attempts import Attempt, Attempts, RefusalSummary
from engine.verdict.outcome import Reason

ADDRESS = "192.0.2.1"


def refuse(attempts: Attempts, device_id: str, now: float, *, reason=Reason.WRONG_SECRET, address=ADDRESS) -> None:
    attempts.record(device_id, reason, address, address, "mqtt", now)


def test_the_last_attempts_of_a_device_come_newest_first():
    attempts = Attempts(Limits(attempts_per_device=3))
    for now in range(5):
        refuse(attempts, "meter", float(now))
    assert [attempt.at for attempt in attempts.of_device("meter")] == [4.0, 3.0, 2.0]


def test_an_attempt_holds_when_why_where_and_whence():
    attempts = Attempts(Limits())
    attempts.record("meter", Reason.DEVICE_FROZEN, "2001:db8::1", "2001:db8::/64", "mqtts", 12.5)
    assert attempts.of_device("meter") == (Attempt(12.5, Reason.DEVICE_FROZEN, "2001:db8::1", "mqtts"),)


def test_nothing_is_known_of_a_device_that_never_tried():
    assert Attempts(Limits()).of_device("meter") == ()


def test_the_device_that_tried_longest_ago_is_forgotten_first():
    attempts = Attempts(Limits(attempts_devices=2))
    refuse(attempts, "a", 1.0)
    refuse(attempts, "b", 2.0)
    refuse(attempts, "a", 3.0)
    refuse(attempts, "c", 4.0)
    assert attempts.of_device("b") == ()
    assert len(attempts.of_device("a")) == 2
    assert len(attempts.of_device("c")) == 1


def test_refusals_are_summed_up_by_device_reason_prefix_and_minute():
    attempts = Attempts(Limits())
    refuse(attempts, "meter", 60.0)
    refuse(attempts, "meter", 119.9)
    refuse(attempts, "meter", 70.0, reason=Reason.DEVICE_FROZEN)
    refuse(attempts, "meter", 70.0, address="192.0.2.2")
    refuse(attempts, "meter", 120.0)
    assert sorted(attempts.drain_refusals(180.0), key=repr) == sorted(
        [
            RefusalSummary(60, "meter", Reason.WRONG_SECRET, ADDRESS, 2),
            RefusalSummary(60, "meter", Reason.DEVICE_FROZEN, ADDRESS, 1),
            RefusalSummary(60, "meter", Reason.WRONG_SECRET, "192.0.2.2", 1),
            RefusalSummary(120, "meter", Reason.WRONG_SECRET, ADDRESS, 1),
        ],
        key=repr,
    )


def test_an_accepted_attempt_is_remembered_but_is_no_refusal():
    attempts = Attempts(Limits())
    attempts.record("meter", Reason.ACCEPTED, ADDRESS, ADDRESS, "mqtt", 60.0)
    assert len(attempts.of_device("meter")) == 1
    assert attempts.drain_refusals(600.0) == []


def test_the_first_of_a_kind_is_told_at_once_and_the_rest_when_the_minute_is_over():
    attempts = Attempts(Limits())
    refuse(attempts, "meter", 60.0)
    assert attempts.drain_refusals(61.0) == [RefusalSummary(60, "meter", Reason.WRONG_SECRET, ADDRESS, 1)]
    refuse(attempts, "meter", 62.0)
    refuse(attempts, "meter", 63.0)
    assert attempts.drain_refusals(119.9) == []
    assert attempts.drain_refusals(120.0) == [RefusalSummary(60, "meter", Reason.WRONG_SECRET, ADDRESS, 2)]
    assert attempts.drain_refusals(120.0) == []


def test_the_last_round_takes_the_minute_begun():
    attempts = Attempts(Limits())
    refuse(attempts, "meter", 60.0)
    attempts.drain_refusals(61.0)
    refuse(attempts, "meter", 62.0)
    assert [summary.count for summary in attempts.drain_refusals(63.0, is_last=True)] == [1]


def test_a_flood_of_devices_costs_the_bound_and_one_row_that_counts_the_rest():
    attempts = Attempts(Limits(refusals_per_minute=4, attempts_devices=10))
    for number in range(100):
        refuse(attempts, f"device{number}", 60.0)
    refuse(attempts, "device0", 61.0)
    summaries = attempts.drain_refusals(120.0)
    assert len(summaries) == 5
    assert summaries[0] == RefusalSummary(60, "device0", Reason.WRONG_SECRET, ADDRESS, 2)
    assert RefusalSummary(60, None, None, None, 96) in summaries
    assert sum(summary.count for summary in summaries) == 101


def test_summaries_that_nobody_drains_are_forgotten_and_counted():
    attempts = Attempts(Limits())
    for minute in range(20):
        refuse(attempts, "meter", minute * 60.0)
    assert attempts.dropped == 4
    assert len(attempts.drain_refusals(10_000.0)) == 16


def test_a_clock_that_goes_back_loses_nothing():
    attempts = Attempts(Limits())
    refuse(attempts, "meter", 600.0)
    refuse(attempts, "meter", 60.0)
    assert [summary.minute for summary in attempts.drain_refusals(10_000.0)] == [60, 600]
