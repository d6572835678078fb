"""Takes policies and mechanisms out of the source, to see that a test misses each.

``python -m tests.mechanisms`` takes each out of a copy, in turn, and sees its test fail (two minutes); with words, only
those whose name has one of them. ``--write`` puts the list into MECHANISMS.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .mechanism_list import MECHANISMS, Mechanism

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).parent / "MECHANISMS.md"
HEAD = """# What each test is for

Each policy and mechanism was taken out in turn; this is a test that fails then. Others may fail too.

Made by `python -m tests.mechanisms --write`; without `--write` that command tries it all again.

| mechanism | taken out by | the test that fails |
|---|---|---|
"""


def page() -> str:
    """The list as a page."""
    rows = [f"| {each.name} | {each.how} | `{each.test}` |" for each in MECHANISMS]
    return HEAD + "\n".join(rows) + "\n"


def take_out(mechanism: Mechanism, source: Path) -> None:
    """Change a copy of the source; ValueError if what is to go is not there, or there twice."""
    path = source / "cronkit" / mechanism.file
    text = path.read_text()
    if text.count(mechanism.old) != 1:
        raise ValueError(f"{mechanism.name}: {mechanism.file} has it {text.count(mechanism.old)} times")
    path.write_text(text.replace(mechanism.old, mechanism.new))


def holds(test: str, source: Path) -> bool:
    """Whether a test passes over a source."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        f"tests/{test}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise ValueError(f"{test} could not be run:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def fails_without(mechanism: Mechanism) -> bool:
    """Whether the mechanism's test fails when it is taken out."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "src"
        shutil.copytree(ROOT / "src", source)
        take_out(mechanism, source)
        return not holds(mechanism.test, source)


def main(words: list[str]) -> int:
    """Try all mechanisms, or those that are named; return how many their test does not miss."""
    survivors = 0
    for mechanism in MECHANISMS:
        if not words or any(word in mechanism.name for word in words):
            missed = fails_without(mechanism)
            survivors += not missed
            print(f"{'ok  ' if missed else 'LIVES'} {mechanism.name}", flush=True)
    return survivors


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page())
    else:
        sys.exit(main(sys.argv[1:]))
