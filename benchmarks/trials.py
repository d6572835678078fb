"""What benchmarks share: measurements that have a process of their own, subjects in turn, and lines with verdicts.

A module of theirs: run by itself it does nothing.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable

Figures = dict[str, float]
Trial = tuple[str, ...]


def measure(script: str, *words: str) -> Figures:
    """Have ``script --worker words...`` measure in a process of its own; it prints its figures as JSON."""
    done = subprocess.run([sys.executable, script, "--worker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures


def medians(script: str, trials: Iterable[Trial], rounds: int, *, in_folder: bool = False) -> list[Figures]:
    """The medians of each trial's figures over ``rounds``, the trials in turn so that all see the same machine.

    ``in_folder``: each trial is also given the path of a folder that the trials of its round share.
    """
    trials = list(trials)
    samples: list[list[Figures]] = [[] for _ in trials]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for trial, sample in zip(trials, samples, strict=True):
                sample.append(measure(script, *trial, *([folder] * in_folder)))
    return [{name: statistics.median(each[name] for each in sample) for name in sample[0]} for sample in samples]


def verdict(what: str, ratio: float, bar: float, details: str, *, at_least: bool = False) -> bool:
    """Print a ratio beside its bar, which it must not exceed or, with ``at_least``, fall below; return whether."""
    held = ratio >= bar if at_least else ratio <= bar
    sign, broken = (">=", "UNDER") if at_least else ("<=", "OVER")
    print(f"{what:<50}{ratio:>8.3g}  {sign} {bar:<5g}{'ok' if held else broken:<6}{details}", flush=True)
    return held
