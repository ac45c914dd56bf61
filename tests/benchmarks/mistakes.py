"""Mistakes injected into models by script, and whether `flows check` finds them where they are.

``python -m tests.benchmarks.mistakes ROUNDS FILE…`` makes one mistake of each kind, ROUNDS times, in each file, never
the same one twice, and checks the files with one mistake each, the base run included. A mistake counts as located if a
finding that the clean file doesn't give names the variable and a line of its equation, and as on the very line if it
points at a line where the text was changed; where something was left out, that is from the word before to the word
behind. Alarms elsewhere that the clean file doesn't give are counted too. The models themselves stay where they
are, and aren't changed.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.injector import Mistake
from tests.benchmarks.slips import Slips

from flows.inspection import Finding, inspect
from flows.references import fold
from flows.vensim.parse import parse, read_text


@dataclass(frozen=True)
class Verdict:
    """Whether a mistake was found."""

    mistake: Mistake
    own: tuple[Finding, ...]
    exact: bool
    elsewhere: tuple[Finding, ...]

    @property
    def located(self) -> bool:
        """Whether a finding stands at the equation."""
        return bool(self.own)


def trial(path: Path, rounds: int, *, seed: int = 7, run: bool = False) -> list[Verdict]:
    """Inject mistakes into a model and check each, with its base run or without."""
    source = parse(read_text(path), str(path))
    injector = Slips(source, seed)
    before = inspect(path, run=run)
    found = []
    for _ in range(rounds):
        for mistake in injector.mistakes():
            new = {fold(mistake.old or mistake.variable): mistake.renamed} if mistake.renamed else {}
            left = Counter(_said(f, new) for f in before)
            extra = []
            for finding in inspect(path, run=run, text=mistake.text):
                left[_said(finding)] -= 1
                if left[_said(finding)] < 0:
                    extra.append(finding)
            names = {fold(mistake.variable), fold(mistake.renamed if not mistake.old else mistake.variable)}
            last = mistake.lines.stop + (len(mistake.lines) if mistake.kind == "defined twice" else 0)
            own = [f for f in extra if fold(f.variable) in names and mistake.lines.start <= f.line < last]
            exact = any(f.line in mistake.at for f in own)
            known = {_said(f, new)[:2] for f in before}  # an alarm of the clean file, told in other words
            rest = tuple(f for f in extra if f not in own and _said(f)[:2] not in known)
            found.append(Verdict(mistake, tuple(own), exact, rest))
    return found


def _said(finding: Finding, new: Mapping[str, str] | None = None) -> tuple[str, str, str]:
    """What tells a finding from others; `new` gives the new name of a variable that was renamed."""
    name, what = (
        fold(finding.variable),
        re.sub(r"\b(?:on )?lines? \d[\d, and]*| \([^()]* left out\)", "", finding.what),
    )
    for old, renamed in (new or {}).items():
        what = re.sub(f'"{re.escape(old)}"', f'"{renamed}"', what, flags=re.IGNORECASE)
        name = fold(renamed) if name == old else name
    return finding.rule, name, what.lower()


def main() -> None:
    """Print a table of kinds and files, and what was missed."""
    rounds, files = int(sys.argv[1]), [Path(p) for p in sys.argv[2:]]
    verdicts: list[tuple[Path, Verdict]] = [(p, v) for p in files for v in trial(p, rounds, run=True)]
    for path, v in verdicts:
        if not v.located:
            more = [(f.rule, f.variable, f.line) for f in v.elsewhere][:3]
            print(
                f"missed: {v.mistake.kind} in {path.name}, {v.mistake.variable}, line {min(v.mistake.at)}; said: {more}"
            )
    for head, key in (("kind", lambda p, v: v.mistake.kind), ("file", lambda p, v: p.name)):
        print(f"\n{head:40} mistakes  located  on the very line  alarms elsewhere")
        groups: dict[str, list[Verdict]] = {}
        for path, v in verdicts:
            groups.setdefault(key(path, v), []).append(v)
        for name, some in groups.items():
            print(_row(name, some))
    print(_row("all", [v for _, v in verdicts]))


def _row(name: str, some: list[Verdict]) -> str:
    located, exact = sum(v.located for v in some), sum(v.exact for v in some)
    return f"{name:40} {len(some):8d} {located:8d} {exact:17d} {sum(bool(v.elsewhere) for v in some):17d}"


if __name__ == "__main__":
    main()
