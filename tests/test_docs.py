"""Every code block of README and docs does what it says.

The blocks of one file run in order, in one session that starts empty, in an empty directory. What a block's language
says about it:

- ``python``: runs, and must not raise
- ``pycon``: runs as a doctest, and must print what it shows
- ``console``: each command after a ``$`` must exist, with the files and modules that it names
- ``toml``: must parse
- ``text``: output or a drawing, for people alone

Any other language, or none, fails: a block that nothing checks goes stale.
"""

import doctest
import importlib.util
import logging
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType

import pytest

from cronkit import events

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})(?P<language>.*)$")
PROJECT_PATH = re.compile(r"(src|tests|docs|examples|benchmarks|\.ci)(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: its code without indent, and the number of its first line in the page."""

    language: str
    code: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text, in order."""
    opened: tuple[str, str, str, int] | None = None
    code: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if opened is None:
            if found:
                opened = found["indent"], found["fence"], found["language"].strip(), number + 1
                code = []
        elif found and found["fence"].startswith(opened[1]) and not found["language"].strip():
            yield Block(language=opened[2], code="".join(f"{part}\n" for part in code), line=opened[3])
            opened = None
        else:
            code.append(line.removeprefix(opened[0]))
    if opened is not None:
        raise ValueError(f"the block that starts on line {opened[3]} has no end")


def run_python(block: Block, page: Path, session: ModuleType) -> None:
    # The empty lines before the code make a traceback show the page's own line numbers.
    code = "\n" * (block.line - 1) + block.code
    exec(compile(code, str(page), "exec"), vars(session))


def run_pycon(block: Block, page: Path, session: ModuleType) -> None:
    test = doctest.DocTestParser().get_doctest(block.code, vars(session), page.name, str(page), block.line - 1)
    # The test holds a copy of the session's names; what it defines belongs to the blocks after it as well.
    test.globs = vars(session)
    report: list[str] = []
    result = doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
    assert result.attempted, f"{page.name}:{block.line}: a pycon block without a prompt"
    assert not result.failed, "".join(report)


def check_console(block: Block, page: Path, session: ModuleType) -> None:
    commands = [line.removeprefix("$ ") for line in block.code.splitlines() if line.startswith("$ ")]
    assert commands, f"{page.name}:{block.line}: a console block without a command"
    for command in commands:
        for problem in console_problems(command):
            pytest.fail(f"{page.name}:{block.line}: {problem}")


def console_problems(command: str) -> Iterator[str]:
    """What a shell line names that does not exist: programs, the project's files, Python modules."""
    words = [word for word in re.split(r"&&|\|\||[;|]", command) if word.strip()]
    for part in words:
        program, *arguments = [word for word in shlex.split(part) if not re.match(r"[A-Z_]+=", word)]
        if not any(map(shutil.which, (program, str(Path(sys.executable).parent / Path(program).name)))):
            yield f"no program {program!r}"
        for previous, word in zip([program, *arguments], arguments, strict=False):
            if previous == "-m" and Path(program).name.startswith("python"):
                if importlib.util.find_spec(word) is None:
                    yield f"no module {word!r}"
            elif PROJECT_PATH.match(word) and not (ROOT / word.partition("::")[0]).exists():
                yield f"no file {word!r}"


def parse_toml(block: Block, page: Path, session: ModuleType) -> None:
    tomllib.loads(block.code)


def read_only(block: Block, page: Path, session: ModuleType) -> None:
    assert block.code.strip(), f"{page.name}:{block.line}: an empty block"


CHECKS: dict[str, Callable[[Block, Path, ModuleType], None]] = {
    "python": run_python,
    "pycon": run_pycon,
    "console": check_console,
    "toml": parse_toml,
    "text": read_only,
}


def check_page(page: Path) -> None:
    session = ModuleType(f"page_{page.stem.lower()}")
    sys.modules[session.__name__] = session
    logger = logging.getLogger("cronkit")
    handlers, level = list(logger.handlers), logger.level
    try:
        for block in blocks(page.read_text("utf-8")):
            if block.language not in CHECKS:
                pytest.fail(f"{page.name}:{block.line}: nothing checks a block of language {block.language!r}")
            CHECKS[block.language](block, page, session)
    finally:
        del sys.modules[session.__name__]
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_page(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_page_of_events_has_every_event_with_its_own_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", (ROOT / "docs" / "events.md").read_text("utf-8"), re.MULTILINE)
    shown = {name: re.findall(r"`(\w+)`", own) for name, own in rows}
    kinds = [each for base in events.Event.__subclasses__() for each in base.__subclasses__()]
    assert shown == {
        kind.__name__: [each.name for each in fields(kind) if each.name not in kind.__base__.__dataclass_fields__]
        for kind in kinds
    }


@pytest.mark.parametrize(
    "text",
    [
        "```python\nassert 1 == 2\n```\n",
        "```pycon\n>>> 1 + 1\n3\n```\n",
        "```pycon\n1 + 1\n```\n",
        "```console\n$ no-such-program --help\n```\n",
        "```console\n$ python3 examples/no_such_example.py\n```\n",
        "```console\n$ python3 -m no_such_module\n```\n",
        "```toml\n= 1\n```\n",
        "```\nanything\n```\n",
        "```ruby\nputs 1\n```\n",
        "- a list\n\n  ```python\n  raise KeyError\n  ```\n",
        "```python\nx = 1\n",
    ],
)
def test_the_check_fails_on_each_kind_of_wrong_block(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    with pytest.raises((AssertionError, ValueError, KeyError, pytest.fail.Exception)):
        check_page(page)


def test_the_blocks_of_one_page_share_a_session(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\n```\n\n```pycon\n>>> y = x + 1\n>>> y\n2\n```\n\n```python\nassert y == 2\n```\n"
    )
    check_page(page)
