"""Every command and example of the pages runs, in the order of its page, in a copy of the shipped files.

Long commands run with few draws or samples (`lighter`), and of commands of one kind (`kind`) the first runs; the slow
test runs all. What doesn't run even there has a mark in the source of its page, before its block,
``<!-- not run `flows report`: why -->`` (without a command: all of the block). What isn't run, and commands in running
text, are held against the real command line: options, files, scenarios and variables that they name exist. A
``console`` block shows commands after ``$`` and what they print, ``…`` standing for what is left out.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml
from tests.conftest import commit

import flows
import flows.cli
from flows import resources
from flows.inputs import read_scenario
from flows.model.model import Model
from flows.report import figures

ROOT = Path(__file__).resolve().parents[1]
MADE = ("docs/model", "docs/_build")  # by the build of the site
PAGES = [
    path
    for path in [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "outputs/README.md")),
        *sorted((ROOT / "models").rglob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    if not path.relative_to(ROOT).as_posix().startswith(MADE)
]
CODE = ("sh", "console", "powershell", "python", "toml", "yaml", "text")

# Options that end a command soon without changing what it is: appended, so the later one of two counts. Of a study,
# the least sample that its method takes.
LIGHTER = {"compare": ("--draws", "2"), "levers": ("--draws", "2"), "solve": ("--draws", "2")}
PLAIN = ("bass.vsc", "study.toml")  # studies of plain draws
KEPT = ("--extend", "--run", "--export")  # of a study: go on from what was finished, or make no sample
FINDINGS = ("--strict",)  # exit code 1 is an answer

BLOCK = re.compile(r"^( *)(`{3,})([^\n]*)\n(.*?)^ *\2 *$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- not run(?: `([^`]+)`)?: ([^>]+?) -->")
INLINE = re.compile(r"(?<!`)`((?:flows|make) [^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and what marks before it say isn't run."""

    page: Path
    line: int
    language: str
    text: str
    left: tuple[str, ...]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Commands, each with the output that the page shows below it."""
        if self.language != "console":
            return [(line, "") for line in self.text.splitlines() if line.strip()]
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert not parts[0].strip(), f"{self.page.name}:{self.line}: a console block begins with $"
        return [(first, rest) for first, _, rest in (part.partition("\n") for part in parts[1:])]

    def skips(self, command: str) -> bool:
        return any(command.startswith(start) for start in self.left)


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found, end = [], 0
    for match in BLOCK.finditer(text):
        marks = tuple(mark[1] or "" for mark in MARK.finditer(text, end, match.start()))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match[3].strip(), match[4], marks))
        end = match.end()
    return found


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_COMMANDS = [
    page for page in PAGES if any(block.language in ("sh", "console", "python") for block in blocks_of(page))
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped files with two revisions, as a reader's checkout is."""
    tree = tmp_path_factory.mktemp("checkout")
    for folder in ("data", "models", "sensitivity", "docs/examples"):
        shutil.copytree(ROOT / folder, tree / folder)
    (tree / "outputs").mkdir()
    if shutil.which("git"):
        commit(tree, "Files")
        commit(tree, "Nothing new")
    return tree


@pytest.fixture
def checkout(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in that copy, with pictures that aren't drawn: they have tests of their own."""
    monkeypatch.chdir(tree)
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(resources, "root", lambda: tree)
    monkeypatch.setattr(figures, "save", lambda *_, **__: [])
    return tree


def words_of(command: str) -> list[str]:
    """Split a line as a shell does: quotes, remarks, file patterns."""
    words = shlex.split(command, comments=True)
    return [
        path
        for word in words
        for path in (sorted(map(str, Path().glob(word))) if "*" in word and "=" not in word else [word])
    ]


def parse(arguments: list[str]) -> None:
    """Hold a command against the command line without doing it; files to be read have to be there."""
    commands = typer.main.get_command(flows.cli.app).commands  # type: ignore[attr-defined]
    commands[arguments[0]].make_context(arguments[0], list(arguments[1:]))
    written = {"--out", "--json", "--export"}
    for before, word in itertools.pairwise(arguments):
        named = word.split(":", 1)[-1] if re.match(r"HEAD~?\d*:", word) else word
        if (
            re.search(r"[^/]\.(?:mdl|toml|csv|cin|vsc|lst|xlsx)$", named)
            and before not in written
            and "FILE" not in named
        ):
            assert Path(named).is_file(), f"{named} isn't there"


def matches(shown: str, printed: str) -> bool:
    """Tell whether a page shows what is printed; lines count without blanks at their ends, … for anything.

    Paths count as they are written on most systems.
    """

    def plain(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())

    pattern = ".*?".join(re.escape(part) for part in plain(shown).split("…"))
    return re.fullmatch(pattern, plain(printed.replace(os.sep, "/")), re.DOTALL) is not None


SAME = {
    *("--set", "--with", "--model", "--until", "--at", "--scenario", "--outcome", "--status", "--between"),
    *("--probability", "--n", "--draws", "--no-figures", "--out", "--json"),
}


def kind(command: str) -> str:
    """What a command has in common with others: its name and options, but for those that change numbers alone."""
    words = words_of(command)
    if re.search(r"flows set|bass|misspelt|outputs/|#", command):  # short, or of a kind of its own
        return command
    return " ".join([words[1], *sorted({word for word in words if word.startswith("--")} - SAME)])


@cache
def shipped() -> Model:
    return flows.read_vensim(ROOT / "models" / "migration.mdl", units="off")


def known(arguments: list[str]) -> None:
    """See that scenarios and variables of a command exist."""
    own = "--model" in arguments or arguments[0] == "project"
    for before, word in zip(["", *arguments], arguments, strict=False):
        if before in ("--set", "--with") and not own:
            shipped().variable(word.partition("=")[0])
    if arguments[0] in ("run", "compare"):
        first = next((k for k, word in enumerate(arguments) if word.startswith("--")), len(arguments))
        for name in "+".join(arguments[1:first]).split("+") if first > 1 else ():
            if "/" not in name:  # no file or folder
                read_scenario("current-course" if name == "base" else name)


def used_later(block: Block, command: str) -> bool:
    """Tell whether a later command of the page names what this one writes."""
    written = re.findall(r"--(?:out|json|export) (\S+)", command)
    text = block.page.read_text(encoding="utf-8")
    return any(text.count(file) > 1 for file in written)


def do(block: Block, command: str, shown: str, done: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    where = f"{name_of(block.page)}:{block.line}: {command}"
    words = words_of(command)
    if not words:
        return
    match words:
        case ["make", *targets]:
            assert set(targets) <= targets_of_make(), where
        case ["cp", source, target]:
            shutil.copy(source, target)
        case ["pre-commit", *_]:
            assert (ROOT / ".pre-commit-config.yaml").is_file(), where
        case ["source", _] | ["cd", _] | ["python" | "py", "-m", "venv", *_]:
            pass
        case ["python", "-m", "pip", "install", *_]:
            for file in re.findall(r"-r (\S+)", command):
                assert (ROOT / file).is_file(), where
        case ["flows", *arguments]:
            again = kind(command) in done or command in done
            ungiven = "HEAD" in command and shutil.which("git") is None  # no revision to be had
            if block.skips(command) or ungiven or (again and not shown and not used_later(block, command)):
                parse(arguments)
                known(arguments)
                return
            done |= {kind(command), command}
            light = lighter(arguments)
            capsys.readouterr()
            code = flows.cli.main([*arguments, *light])
            out, err = capsys.readouterr()
            fine = (0, 1) if shown or set(FINDINGS) & set(arguments) else (0,)
            assert code in fine, f"{where}\n{out[-2000:]}\n{err}"
            assert not shown or matches(shown, out), f"{where} prints\n{out}"
        case _:
            pytest.fail(f"{where}: nothing here knows how to try this; see the head of this test")


def lighter(arguments: list[str]) -> tuple[str, ...]:
    """Options that make a command short."""
    if any(Path(word).is_dir() for word in arguments) or set(KEPT) & set(arguments):  # results as they lie
        return ()
    if arguments[0] == "study":
        return ("--n", "20" if Path(arguments[1]).name in PLAIN else "2", "--no-resume")
    return LIGHTER.get(arguments[0], ())


def targets_of_make() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def go_through(page: Path, done: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks_of(page):
        if block.language in ("sh", "console"):
            for command, shown in block.steps:
                do(block, command, shown, done, capsys)
        elif block.language == "python" and not block.skips(""):
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                exec(compile(block.text, f"{name_of(page)}:{block.line}", "exec"), {"__name__": "page"})


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Commands and kinds of commands that ran for an earlier page."""
    return set()


@pytest.mark.unmeasured
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_page_runs(page: Path, checkout: Path, done: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    go_through(page, done, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_whole_page_runs(page: Path, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Nothing(set[str]):
        def __contains__(self, command: object) -> bool:
            return False

    go_through(page, Nothing(), capsys)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_is_in_order(page: Path, checkout: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(page)
    for block in blocks:
        where = f"{name_of(page)}:{block.line}"
        assert block.language.startswith("{") or block.language in CODE, (
            f"{where}: {block.language or 'none'}"
        )
        for mark in block.left:
            begun = [command for command, _ in block.steps if command.startswith(mark)]
            assert begun, f"{where}: the mark for {mark} stands before no such command"
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)
            for command in re.findall(r"run: flows ([^#\n]+)", block.text):
                parse(words_of(command))
        elif block.language == "powershell":
            for file in re.findall(r"-r (\S+)", block.text):
                assert (ROOT / file).is_file(), where
            for command in re.findall(r"-m flows (.+)", block.text):
                parse(words_of(command))
    assert len(MARK.findall(text)) == sum(len(block.left) for block in blocks), "a mark after the last block"
    for command in INLINE.findall(text):
        program, *arguments = words_of(command)
        if program == "make":
            assert arguments[0] in targets_of_make(), f"{name_of(page)}: {command}"
        elif arguments[0].islower() and not arguments[0].startswith("-"):
            options = [word for word in arguments if word.startswith("-")]
            command_of = typer.main.get_command(flows.cli.app).commands[arguments[0]]  # type: ignore[attr-defined]
            names = {name for one in command_of.params for name in (*one.opts, *one.secondary_opts)}
            assert set(options) <= {*names, "--help"}, f"{name_of(page)}: {command}"


@pytest.mark.parametrize("script", sorted((ROOT / "docs/examples").glob("*.py")), ids=lambda path: path.name)
def test_example_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), {"__file__": str(script)})
