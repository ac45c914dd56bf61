"""JavaScript as target language: one run on typed arrays, for a page that needs no server.

The text stands inside a function beside ``runtime.js``, which holds what it calls and how stocks are integrated. It is
cut into functions of a size that a browser's compiler still takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flows.engine.emit import Address
from flows.engine.emit_text import TextBody
from flows.engine.layout import Layout
from flows.engine.runtime import LOOKUP_NAMES
from flows.engine.schedule import Group, groups
from flows.model.model import Model
from flows.model.order import Node, Plan

_ARGUMENTS = "n, start, t, dt"
_COMPARE = {"==": "===", "!=": "!=="}
_LOGICAL = {"and": "&&", "or": "||"}
_LONGEST = 120  # lines of a function


@dataclass
class Script:
    """A script under construction.

    Attributes
    ----------
    model : Model
    places : Layout
    tables : dict of tuple to str
        Lists of positions, and the names of the arrays that hold them.
    lookups : int
        Places at which a lookup is interpolated, each of which remembers its last segment.
    starts : dict of int to int
        Start of a lookup in the engine's table array → its first point in the script's.
    """

    model: Model
    places: Layout
    tables: dict[tuple[int, ...], str] = field(default_factory=dict)
    lookups: int = 0
    starts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = 1
        for start, n in sorted({entry for table in self.places.tables.values() for entry in table.values()}):
            self.starts[start] = own
            own += n + 2
        self.starts.setdefault(0, 1)
        self.points = own - 1

    def phases(self, plan: Plan) -> str:
        """The functions ``initialize``, ``auxiliaries``, ``net_flows`` and ``record``, and the arrays they read."""
        texts = [
            self._phase("initialize", plan.initial, initial=True),
            self._phase("auxiliaries", plan.dynamic),
            self._phase("net_flows", plan.stocks, net=True),
            self._phase("record", plan.histories, net=True),
        ]
        arrays = [
            f"const {name} = new Int32Array([{', '.join(map(str, values))}]);"
            for values, name in self.tables.items()
        ]
        return "\n".join([*arrays, f"const near = new Int32Array({self.lookups});", *texts])

    def _phase(self, name: str, nodes: tuple[Node, ...], *, initial: bool = False, net: bool = False) -> str:
        pieces: list[list[str]] = []
        for group in groups(nodes, {}, unordered=net):
            for lines in self._group(group, initial=initial, net=net):
                if not pieces or len(pieces[-1]) + len(lines) > _LONGEST:
                    pieces.append([])
                pieces[-1].extend(lines)
        texts = [
            f"function {name}_{i}({_ARGUMENTS}) {{\n" + "".join(f"{line}\n" for line in lines) + "}"
            for i, lines in enumerate(pieces)
        ]
        calls = "".join(f"{name}_{i}({_ARGUMENTS});\n" for i in range(len(pieces)))
        return "\n".join([*texts, f"function {name}({_ARGUMENTS}) {{\n{calls}}}"])

    def _group(self, group: Group, *, initial: bool, net: bool) -> Iterator[list[str]]:
        """A loop nest, cut into several where it gets long: its equations use each other at the same position only."""
        heads = [
            f"for (let i{depth} = 0; i{depth} < {len(elements)}; i{depth}++) {{"
            for depth, (_, elements) in enumerate(group.loops)
        ] or ["{"]
        nodes = iter(group.nodes)
        while True:
            body = JsBody(self, group.loops)
            for node in nodes:
                body.assign(node, initial=initial, net=net)
                if len(body.lines) > _LONGEST // 2:
                    break
            if not body.lines:
                return
            yield [*heads, *body.lines, "}" * len(heads)]


class JsBody(TextBody):
    """Values are JavaScript expressions; a choice evaluates one side only."""

    NAMED = "const {name} = {value};"

    def __init__(self, script: Script, loops: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        names = {index: f"i{depth}" for depth, (index, _) in enumerate(loops)}
        super().__init__(script.model, script.places, names, script.tables)
        self.script = script
        self.sizes = [len(elements) for _, elements in loops]

    def history(self, row: str, address: Address) -> str:
        """A column of the history in a row."""
        return f"past[{row} * {self.places.n_histories} + {self.index_text(address)}]"

    def record(self, address: Address, value: str) -> None:
        """Keep a value in a column of the history."""
        self.lines.append(f"{self.history('n', address)} = {value};")

    def recall(self, address: Address, lag: str, otherwise: str) -> str:
        """A column of the history some steps ago."""
        lag = self.keep(lag)
        return f"(n >= {lag} ? {self.history(f'(n - Math.trunc({lag}))', address)} : {otherwise})"

    def counter(self, address: Address) -> str:
        """A position that moves with a loop."""
        return f"({self.index_text(address)})"

    def arithmetic(self, operator: str, left: str, right: str) -> str:
        """``+ - * /``."""
        return f"({self.shallow(left)} {operator} {self.shallow(right)})"

    def compare(self, operator: str, left: str, right: str) -> str:
        """A condition from two values."""
        return f"({left} {_COMPARE.get(operator, operator)} {right})"

    def both(self, operator: str, left: str, right: str) -> str:
        """A condition from two conditions."""
        return f"({left} {_LOGICAL[operator]} {right})"

    def negation(self, condition: str) -> str:
        """The opposite condition."""
        return f"(!{condition})"

    def choose(self, condition: str, yes: str, no: str) -> str:
        """One of two values."""
        return f"({condition} ? {yes} : {no})"

    def function(self, name: str, *arguments: str) -> str:
        """A function of the mathematical library."""
        if name == "power":  # by logarithms where that is sound: browsers' own power takes twice as long
            base, exponent = (self.keep(a) for a in arguments)
            common = f"Math.exp({exponent} * Math.log({base}))"
            return (
                f"({base} > 0 && {base} < 1e300 ? {base} === 1 ? 1 : {common} : Math.pow({base}, {exponent}))"
            )
        return f"Math.{name}({', '.join(arguments)})"

    def interpolate(
        self, entry: tuple[int, int] | tuple[Address, int, tuple[int, ...]], argument: str, mode: str
    ) -> str:
        """Interpolation in the table array from the segment that this place found last, or another way to read it."""
        starts = self.script.starts
        if len(entry) == 2:
            start, points = str(starts[entry[0]]), entry[1]
        else:
            at, points, originals = entry
            table = self.position_table(tuple(starts[s] for s in originals))
            start = self.named(f"{table}[{self.index_text(at)}]")
        if mode:
            return f"{LOOKUP_NAMES[mode]}({start}, {points}, {argument})"
        place, count = str(self.script.lookups), 1
        for depth in reversed(range(len(self.sizes))):
            place += f" + {count} * i{depth}"
            count *= self.sizes[depth]
        self.script.lookups += count
        x, k = self.keep(argument), self.named(f"near[{place}]")
        at_k = f"{start} + {k}"
        return (
            f"({x} >= px[{at_k}] && {x} < px[{at_k} + 1] ? ps[{at_k}] * ({x} - px[{at_k}]) + py[{at_k}]"
            f" : lookup({start}, {points}, {x}, {place}))"
        )

    def element(self, base: int, size: int, position: str) -> str:
        """The slot at a position that is worked out."""
        return self.named(f"element({base}, {size}, {position})")
