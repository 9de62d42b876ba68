"""What the table of a comparison says of its rounds."""

from bench.report import Row, table


def round_of(user_us: float, connections: float) -> dict[str, float]:
    return {"cpu_us": 40.0, "user_us": user_us, "system_us": 36.0, "connections": connections}


def test_user_time_above_the_floor_is_that_of_all_rounds_together() -> None:
    """A round's is a count of a few tens of ticks; the largest one counts for as many connections as it has."""
    floor = Row("plain", "floor", [1.0] * 3, [round_of(user, 100) for user in (0.0, 0.5, 1.0)])
    ours = Row("plain", "keyturn auto", [1.0] * 3, [round_of(2.0, 100), round_of(2.0, 100), round_of(6.0, 200)])

    (line,) = [line for line in table([floor, ours]).splitlines() if "keyturn" in line]

    median, above = line.split()[-3], line.split()[-1]
    assert (median, above) == ("0.02", "3.5")


def test_scenario_without_user_time_has_none_above_the_floor() -> None:
    rows = [Row("open", rival, [1.0], [{"p99_us": 2000.0}]) for rival in ("floor", "keyturn auto")]

    assert table(rows).splitlines()[-1].split() == ["keyturn", "auto", "1.00", "(1.00", "to", "1.00)", "2.00"]


def test_connections_that_a_server_lost_are_told_of_in_its_row() -> None:
    rounds = [{**round_of(1.0, 10_000), "not_accepted": lost} for lost in (0.0, 2.0, 1.0)]
    good = Row("plain", "floor", [1.0] * 3, [{**one, "not_accepted": 0.0} for one in rounds])

    *_, first, second = table([good, Row("plain", "mosquitto", [1.0] * 3, rounds)]).splitlines()

    assert "accepted" not in first
    assert second.endswith("3 of 30000 not accepted")
