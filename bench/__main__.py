"""`python -m bench [NAMES…]`: run benchmarks, one JSON object a line on standard output, notes on standard error."""

import argparse
import signal
import sys

from bench.faults import faults
from bench.insight import groups, helpdesk
from bench.pushes import pushes
from bench.run import Options, Run, emit, keep_output_for_results, machine, note
from bench.stage import Stage, StageError
from bench.throughput import ceiling, cycle, idle
from bench.work import enqueue, enrollment, interpretation

BENCHMARKS = {
    "loadgen": ceiling,
    "idle": idle,
    "cycle": cycle,
    "enrollment": enrollment,
    "enqueue": enqueue,
    "pushes": pushes,
    "interpretation": interpretation,
    "groups": groups,
    "helpdesk": helpdesk,
    "faults": faults,
}


def main() -> int:
    """Run what was asked for; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names, options = arguments()
    keep_output_for_results()
    try:
        with Stage() as stage, Run(stage, options) as run:
            emit("machine", **machine(), **vars(options))
            for name in names:
                note(name)
                BENCHMARKS[name](run)
    except StageError as error:
        note(str(error))
        return 1
    return 0


def arguments() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks of Espalier; docs/performance.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    for name, default in vars(Options()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    names = given.pop("names") or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    return names, Options(**given)


if __name__ == "__main__":
    sys.exit(main())
