"""native/credential_table.c by itself: against a model, beside another process and another thread, under sanitizers."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from build import HARDENING, WARNINGS

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "tests" / "native" / "drive_credential_table.c"
TOPICS = ("credential_*", "digest", "known_good", "memory_file", "secret", "siphash", "stamp")
SOURCES = [path for topic in TOPICS for path in sorted((ROOT / "native").glob(f"{topic}.c"))]
ADDRESSES = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREADS = ("-fsanitize=thread",)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Compile the driver by the module's own flags and these, and run it by the name of what is to be shown."""

    def run_with(shown: str, *flags: str, sources: Sequence[Path] = SOURCES) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "drive_credential_table"
        command = ["gcc", *WARNINGS, *HARDENING, "-O2", "-g", f"-I{ROOT / 'native'}", *flags]
        subprocess.run([*command, DRIVER, *sources, "-lcrypto", "-lpthread", "-o", program], check=True)
        return subprocess.run([program, shown], capture_output=True, text=True, check=False)

    return run_with


def test_table_is_what_a_plain_array_says_it_is(run: Run) -> None:
    """Full and emptied again and again: no removal and no doubling loses a neighbour, no index moves."""
    done = run("model", *ADDRESSES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_few_entries_of_a_large_table_take_little_memory(run: Run) -> None:
    done = run("sparse", *ADDRESSES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_no_byte_is_read_past_a_field_of_connect(run: Run) -> None:
    done = run("bounds", *ADDRESSES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_certified_device_is_known_by_its_whole_list_until_it_is_distrusted(run: Run) -> None:
    done = run("certified", *ADDRESSES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_another_process_reads_whole_entries_and_none_that_was_removed(run: Run) -> None:
    done = run("process", *ADDRESSES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_sequence_lock_has_no_data_race(run: Run) -> None:
    done = run("thread", *THREADS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize(
    ("topic", "right", "wrong", "shown", "flags"),
    [
        ("credential_layout", "atomic_store(&layout->slots[hole], moving);", "(void)hole;", "model", ()),
        ("credential_layout", "taken[count++] = slot;", "taken[count] = slot, count += at > 0;", "model", ()),
        (
            "credential_layout",
            "atomic_store_explicit(&layout->header->slot_mask, FEWEST_SLOTS - 1,",
            "atomic_store_explicit(&layout->header->slot_mask, layout->widest_mask,",
            "sparse",
            (),
        ),
        ("credential_table", "eng_slot_remove(&table->layout, place.slot);", "", "model", ()),
        ("credential_table", "give_back(table, place.index);", "table->count--;", "model", ()),
        ("credential_table", "(trust == 0 || trust == trust_of(table))", "(trust <= trust_of(table))", "certified", ()),
        (
            "credential_layout",
            "words[i] = atomic_load_explicit(&entry->words[i], memory_order_acquire);",
            "words[i] = *(const volatile uint64_t *)&entry->words[i];",
            "thread",
            THREADS,
        ),
    ],
    ids=[
        "neighbour lost",
        "slot lost in doubling",
        "all slots from the start",
        "slot kept",
        "entry kept",
        "trust kept",
        "word read without the lock",
    ],
)
def test_planted_fault_is_caught(
    run: Run, tmp_path: Path, topic: str, right: str, wrong: str, shown: str, flags: Sequence[str]
) -> None:
    source = (ROOT / "native" / f"{topic}.c").read_text("utf-8")
    assert source.count(right) == 1
    planted = tmp_path / f"{topic}.c"
    planted.write_text(source.replace(right, wrong), "utf-8")
    done = run(shown, *flags, sources=[planted if path.stem == topic else path for path in SOURCES])
    assert done.returncode != 0
    assert "line " in done.stderr or "data race" in done.stderr
