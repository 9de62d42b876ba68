from engine.node.recent_changes import RecentChanges


def test_change_is_since_what_came_before_it_and_not_since_itself() -> None:
    changes = RecentChanges(10)
    changes.note(["pump"], 5)
    assert changes.is_since("pump", 4)
    assert not changes.is_since("pump", 5)
    assert not changes.is_since("valve", 0)


def test_newest_change_of_a_device_counts_and_is_remembered_longest() -> None:
    changes = RecentChanges(2)
    changes.note(["pump", "valve"], 1)
    changes.note(["pump"], 2)
    changes.note(["meter"], 3)
    assert changes.is_since("pump", 1)
    assert changes.is_since("valve", 0)
    assert not changes.is_since("never-changed", 1)


def test_what_was_forgotten_counts_as_changed_for_every_device() -> None:
    """Not knowing any more must fail closed."""
    changes = RecentChanges(2)
    changes.note(["a", "b", "c"], 7)
    assert changes.is_since("a", 6)
    assert changes.is_since("never-changed", 6)
    assert not changes.is_since("never-changed", 7)
