"""The reconnection storm, compared: `python -m bench.storm [--scenarios plain,tls] [--rounds N] [--seconds S]`.

The floor (a C server that checks nothing), Keyturn's fronts and Debian's mosquitto take turns, round by round, in one
run: the server on core 0, one C client on core 1. Ratios compare the server's CPU time a connection, which is not
bounded by the client. The table goes to stdout; with --results also into a directory, with JSON and SVG.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.fleet import Fleet, fleet_of
from bench.report import LEGEND, Row, machine, table, write
from bench.rivals import FLOOR, rivals
from bench.scenarios import SCENARIOS, Bout, Figures, Scenario, Unsupported

_SIZES = {"new": 10_000, "activated": 30_000}
"""Devices: what the memory of 10,000 sessions takes, and for once each some 0.5 s of the servers' CPU time."""


def main() -> None:
    """Run the scenarios, print the table."""
    options = _options()
    scenarios = options.scenarios.split(",")
    about = machine(" ".join(["python -m bench.storm", *sys.argv[1:]]))
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        fleets = {
            devices: stack.enter_context(fleet_of(_SIZES[devices], is_activated=devices == "activated"))
            for devices in {SCENARIOS[name].devices for name in scenarios}
        }
        os.sched_setaffinity(0, {1})
        for name in scenarios:
            found = _run(fleets[SCENARIOS[name].devices], name, options)
            print(table(found), flush=True)
            rows += found
    print(f"\n{LEGEND}")
    if options.results is not None:
        write(options.results, rows, {**about, "load_average_after": [round(one, 2) for one in os.getloadavg()]})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="of: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="per round and rival")
    parser.add_argument("--fronts", default="auto", help="Keyturn's settings of native: %(default)s, never, or both")
    parser.add_argument("--mqtt", type=int, choices=(4, 5), default=4, help="4 is 3.1.1")
    parser.add_argument("--tls", choices=("1.2", "1.3"), default="1.3")
    parser.add_argument("--results", type=Path, help="directory for storm.txt, storm.json, storm.svg")
    options = parser.parse_args()
    unknown = set(options.scenarios.split(",")) - set(SCENARIOS)
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    return options


def _run(fleet: Fleet, name: str, options: argparse.Namespace) -> list[Row]:
    """All rounds of a scenario: rivals take turns within a round."""
    scenario = SCENARIOS[name]
    print(f"{name}: {options.rounds} rounds", file=sys.stderr)
    began = time.monotonic()
    rounds: list[dict[str, Figures]] = []
    batches = [1] * options.rounds if scenario.is_fresh else [options.rounds]
    for batch in batches:
        rounds += _rounds(fleet, scenario, batch, options)
    first: dict[str, Row] = {}
    for one in rounds:
        for rival, figures in one.items():
            row = first.setdefault(rival, Row(name, rival, [], []))
            row.rounds.append(figures)
            row.ratios.append(scenario.compare(figures, one[FLOOR]))
    print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr)
    return list(first.values())


def _rounds(fleet: Fleet, scenario: Scenario, count: int, options: argparse.Namespace) -> list[dict[str, Figures]]:
    """So many rounds on the same servers; each has the figures of every rival that does what the scenario needs."""
    fronts: Sequence[str] = options.fronts.split(",")
    rounds: list[dict[str, Figures]] = [{} for _ in range(count)]
    unsupported: set[str] = set()
    with rivals(fleet, fronts, str(options.mqtt), scenario.limits) as all_rivals:
        for one in rounds:
            for rival, services in all_rivals.items():
                if scenario.wire not in services or rival in unsupported:
                    continue
                bout = Bout(fleet, services[scenario.wire], options.seconds, options.mqtt, options.tls)
                try:
                    one[rival] = scenario.round(bout)
                except Unsupported as why:
                    print(f"  {rival} is left out: {why}", file=sys.stderr)
                    unsupported.add(rival)
    return rounds


if __name__ == "__main__":
    main()
