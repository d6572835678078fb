"""What `import cronkit` costs, beside `import apscheduler.schedulers.background`.

    python benchmarks/import_cost.py [--rounds 21]

Each import happens in a process of its own and is timed there, so that starting Python is not part of it; bytecode is
compiled beforehand, whatever the environment says of it. The two take turns, and each figure is the median of CPU
time, so that whatever else the machine does meets both. The bar: at most as much as APScheduler (needs the bench
extra). Exits with 1 when it is missed, and with 2 when APScheduler is not there.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory

MODULES = ("cronkit", "apscheduler.schedulers.background")
BAR = 1.0

PROGRAM = """\
import sys, time
known, began = len(sys.modules), time.process_time()
import {module}
print(time.process_time() - began, len(sys.modules) - known)
"""


def import_once(module: str, bytecode: str) -> tuple[float, int]:
    """Seconds of CPU that one import took in a fresh process, and how many modules it loaded.

    ``bytecode`` is the folder where what was compiled is kept from one call to the next.
    """
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    seconds, loaded = ran.stdout.split()
    return float(seconds), int(loaded)


def measure(rounds: int) -> dict[str, list[tuple[float, int]]]:
    """What `import_once` gives for each module, ``rounds`` times in turn."""
    taken: dict[str, list[tuple[float, int]]] = {module: [] for module in MODULES}
    with TemporaryDirectory() as bytecode:
        for module in MODULES:  # once unmeasured, to compile it
            import_once(module, bytecode)
        for _ in range(rounds):
            for module in MODULES:
                taken[module].append(import_once(module, bytecode))
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the cost of importing cronkit with that of APScheduler 3.")
    parser.add_argument("--rounds", type=int, default=21, help="imports of each (default: %(default)s)")
    rounds = parser.parse_args().rounds
    if importlib.util.find_spec("apscheduler") is None:
        print('APScheduler is missing: pip install -e ".[bench]"', file=sys.stderr)
        return 2

    taken = measure(rounds)
    cost = {module: median(seconds for seconds, _ in times) for module, times in taken.items()}
    for module, times in taken.items():
        print(f"{module:<36}{cost[module] * 1000:7.1f} ms{times[0][1]:6} modules")
    ratio = cost[MODULES[0]] / cost[MODULES[1]]
    print(f"ratio {ratio:.2f}, bar {BAR:.2f}: {'PASS' if ratio <= BAR else 'over'}")
    return int(ratio > BAR)


if __name__ == "__main__":
    sys.exit(main())
