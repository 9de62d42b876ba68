"""What a comparison found, as a table, as JSON and as a picture: ratios first, medians with least and most."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from bench.programs import libssl_prefix
from bench.scenarios import SCENARIOS, Figures

_LATE_US = 20_000.0
"""How far a client may fall behind its schedule before a row says so."""


class Row(NamedTuple):
    """A rival in a scenario; a ratio and figures for each round."""

    scenario: str
    rival: str
    ratios: list[float]
    rounds: list[Figures]

    def median(self, figure: str) -> float | None:
        """Over the rounds; None where the scenario has no such figure."""
        return statistics.median(one[figure] for one in self.rounds) if figure in self.rounds[0] else None

    @property
    def user_us(self) -> float | None:
        """User time a connection, over all rounds; None where it is not measured.

        Not the median: it is counted in ticks of which a round has a few tens, and of such counts only the sum is fair.
        """
        if "user_us" not in self.rounds[0]:
            return None
        weights = [one["connections"] for one in self.rounds]
        return statistics.fmean([one["user_us"] for one in self.rounds], weights)


def machine(command: str) -> dict[str, object]:
    """What the figures depend on, apart from the code."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "command": command,
        "revision": revision.stdout.strip(),
        "cpu": model.partition(": ")[2],
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "libssl": libssl_prefix() or subprocess.check_output(["openssl", "version"], text=True).partition(" (")[0],
        "load_average_before": [round(one, 2) for one in os.getloadavg()],
    }


LEGEND = (
    "CPU, user, system: the server's seconds for 10,000 connections; above: user us beyond the floor's, of all rounds"
)


def table(rows: Sequence[Row]) -> str:
    """A block a scenario; LEGEND explains the columns."""
    lines = []
    for name in dict.fromkeys(row.scenario for row in rows):
        scenario = SCENARIOS[name]
        lines.append(f"\n{scenario.what}: {scenario.figure}")
        lines.append(
            f"  {'':20} {'median':>7}  {'(least to most)':17} {'CPU':>7} {'user':>7} {'system':>7} {'above':>8}"
            f" {'rate/s':>8} {'p50 ms':>8} {'p99 ms':>8}"
        )
        of_scenario = [row for row in rows if row.scenario == name]
        lines += [_line(row, of_scenario[0]) for row in of_scenario]
    return "\n".join(lines)


def _line(row: Row, floor: Row) -> str:
    spread = f"({min(row.ratios):.2f} to {max(row.ratios):.2f})"
    cells = [f"  {row.rival:20} {statistics.median(row.ratios):7.2f}  {spread:17}"]
    cells += [_cell(row.median(figure), 7, 2, 1e-2) for figure in ("cpu_us", "user_us", "system_us")]
    cells.append(_cell(None if row.user_us is None or floor.user_us is None else row.user_us - floor.user_us, 8, 1))
    cells.append(_cell(row.median("per_second"), 8, 0))
    cells += [_cell(row.median(figure), 8, 2, 1e-3) for figure in ("p50_us", "p99_us")]
    return " ".join([*cells, _note(row)]).rstrip()


def _note(row: Row) -> str:
    """Where the client was late, or could not offer what it should, the figure is as much about the client.

    And whether a node's table of known devices was asked as the scenario wants it.
    """
    notes = []
    late, offered, saturated = map(row.median, ("latest_start_us", "offered_per_second", "saturated_per_second"))
    if offered is not None and saturated is not None:
        notes.append(f"offered {offered / saturated:.1f} x")
    had, had_saturated = map(row.median, ("busy", "saturated_busy"))
    if had is not None and had_saturated is not None:
        notes.append(f"{had:.0%} of the core, {had_saturated:.0%} at saturation")
    busy, late_p99 = map(row.median, ("client_busy", "late_p99_us"))
    if busy is not None and late_p99 is not None:
        notes.append(f"client {busy:.0%} busy, its p99 late {late_p99 / 1e3:.2f} ms")
    if late is not None and late > _LATE_US:
        notes.append(f"client up to {late / 1e3:.0f} ms late")
    besiegers, known, looked_up = map(row.median, ("besiegers_busy", "accepted_in_c", "looked_up"))
    if besiegers is not None:
        notes.append(f"besiegers {besiegers:.0%} busy")
    if known:
        notes.append(f"{known:.0%} accepted in C")
    if looked_up:
        notes.append(f"{looked_up:.0%} looked up for C")
    lost = sum(one.get("not_accepted", 0) for one in row.rounds)
    if lost:
        notes.append(f"{lost:.0f} of {sum(one['connections'] for one in row.rounds):.0f} not accepted")
    return ", ".join(notes)


def _cell(value: float | None, width: int, digits: int, scale: float = 1.0) -> str:
    return " " * width if value is None else f"{value * scale:{width}.{digits}f}"


def write(directory: Path, rows: Sequence[Row], about: dict[str, object]) -> None:
    """storm.txt, storm.json and storm.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    header = "\n".join(f"{name}: {value}" for name, value in about.items())
    (directory / "storm.txt").write_text(f"{header}\n{table(rows)}\n\n{LEGEND}\n")
    whole = {"about": about, "rows": [row._asdict() for row in rows]}
    (directory / "storm.json").write_text(json.dumps(whole, indent=1) + "\n")
    (directory / "storm.svg").write_text(picture(rows, about))


_ROW, _LEFT, _WIDTH, _RIGHT = 18, 190, 420, 90
_COLOURS = {"floor": "#9a9a9a", "mosquitto": "#c98a3d", "mosquitto anonymous": "#e0bd8c"}
_OURS = "#2b6cb0"


def picture(rows: Sequence[Row], about: dict[str, object]) -> str:
    """SVG: a bar a rival and scenario for the median ratio, a line from least to most; a scale for each scenario."""
    lines, y = [], 30
    for name in dict.fromkeys(row.scenario for row in rows):
        of_scenario = [row for row in rows if row.scenario == name]
        heading = f"{SCENARIOS[name].what}: {SCENARIOS[name].figure}"
        lines.append(f'<text x="10" y="{y + 12}" font-weight="bold">{escape(heading)}</text>')
        y += _ROW + 2
        largest = max(max(row.ratios) for row in of_scenario) or 1.0
        for row in of_scenario:
            lines += _bar(row, y, _WIDTH / largest)
            y += _ROW
        y += 10
    caption = f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, {about['libssl']}"
    lines.append(f'<text x="10" y="16" fill="#555">{escape(caption)}</text>')
    width, height = _LEFT + _WIDTH + _RIGHT, y + 5
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" {style}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *lines, "</svg>\n"])


def _bar(row: Row, y: int, scale: float) -> Iterator[str]:
    median = statistics.median(row.ratios)
    least, most = (_LEFT + edge * scale for edge in (min(row.ratios), max(row.ratios)))
    colour = _COLOURS.get(row.rival, _OURS)
    yield f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(row.rival)}</text>'
    yield f'<rect x="{_LEFT}" y="{y + 2}" width="{median * scale:.1f}" height="{_ROW - 5}" fill="{colour}"/>'
    yield f'<path d="M{least:.1f} {y + 8}H{most:.1f}" stroke="black"/>'
    yield f'<text x="{most + 6:.1f}" y="{y + 12}">{median:.2f}</text>'
