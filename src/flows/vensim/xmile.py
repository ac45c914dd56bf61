"""XMILE files (``.xmile``, ``.stmx``) as the syntax tree that Vensim's files become, read by PySD.

PySD's reader gives its abstract model; this module turns each equation into our nodes, every one of which stands where
its variable does in the file. What has no counterpart is refused by name. The diagrams of such files aren't read.

References
----------
OASIS, XML Interchange Language for System Dynamics (XMILE) 1.0, sections 3 and 4.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import numpy as np

from flows.errors import ModelError, UnsupportedError
from flows.references import fold
from flows.vensim.grammar import Source
from flows.vensim.parse import Unreadable
from flows.vensim.tree import (
    Apply,
    Array,
    Definition,
    Item,
    MacroDefinition,
    ModelText,
    Name,
    Node,
    Num,
    Op,
    Points,
    RangeDefinition,
    Sub,
)

__all__ = ["read"]

_TAG = re.compile(r"<(?P<tag>stock|flow|aux|gf|dim|macro)\b(?P<rest>[^>]*)>", re.IGNORECASE)
_NAME = re.compile(r"""\bname\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ENTITIES = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_SIGNED_BASE = re.compile(r"\(\s*-\s*[\d.]+(?:[eE][-+]?\d+)?\s*\)\s*\^")
_METHODS = {"euler": 0, "rk4": 5, "rk2": 4}
_FOREIGN = ("conveyor", "queue", "oven", "event_poster", "module")
_RENAMED = {
    "time": "Time",
    "dt": "TIME STEP",
    "starttime": "INITIAL TIME",
    "stoptime": "FINAL TIME",
}
_CLOCK = {"initial time": "start", "final time": "stop", "time step": "dt", "saveper": "sim_specs"}
_FUNCTIONS: Mapping[str, tuple[str, int]] = {
    "abs": ("ABS", 1),
    "arccos": ("ARCCOS", 1),
    "arcsin": ("ARCSIN", 1),
    "arctan": ("ARCTAN", 1),
    "cos": ("COS", 1),
    "exp": ("EXP", 1),
    "if_then_else": ("IF THEN ELSE", 3),
    "integer": ("INTEGER", 1),
    "ln": ("LN", 1),
    "max": ("MAX", 2),
    "min": ("MIN", 2),
    "modulo": ("MODULO", 2),
    "power": ("POWER", 2),
    "ramp": ("RAMP", 3),
    "sin": ("SIN", 1),
    "sqrt": ("SQRT", 1),
    "step": ("STEP", 2),
    "tan": ("TAN", 1),
    "xidz": ("XIDZ", 3),
    "zidz": ("ZIDZ", 2),
    "cosh": ("COSH", 1),
    "sinh": ("SINH", 1),
    "tanh": ("TANH", 1),
}
_TIGHTNESS = (":OR:", ":AND:")  # loose first


def read(path: str | Path, text: str, *, unreadable: list[Unreadable] | None = None) -> ModelText:
    """Read an XMILE file.

    Parameters
    ----------
    path : path
        The file; its name stands in messages.
    text : str
        Its text.
    unreadable : list of Unreadable, optional
        If given, takes in the variables that can't be read instead of the first being raised.

    Returns
    -------
    ModelText
        Without sketch; the settings hold the integration method and unit synonyms.

    Raises
    ------
    ModelError
        If it is no XML or no XMILE, or an equation can't be read, with its place.
    UnsupportedError
        For what has no counterpart in the engine, by name.
    """
    return _Reader(Path(path), text, unreadable).model()


class _Reader:
    """One file: where its variables stand, and what each of its equations becomes."""

    def __init__(self, path: Path, text: str, unreadable: list[Unreadable] | None) -> None:
        self.path, self.text, self.unreadable = path, text, unreadable
        self.source = Source(str(path), text)
        self.places: dict[str, tuple[int, int]] = {}
        self.spelt: dict[str, str] = {}
        for match in _TAG.finditer(text):
            name = _NAME.search(match["rest"])
            if name is not None:
                start = match.start("rest") + name.start(1 if name[1] is not None else 2)
                close = text.find(f"</{match['tag']}>", match.end())
                end = match.end() if match["rest"].endswith("/") or close < 0 else close
                spelling = _clean(name[1] or name[2] or "")
                self.places.setdefault(fold(spelling), (start, end))
                self.spelt.setdefault(fold(spelling), unescape(spelling))
        specs = max(text.find("<sim_specs"), 0)
        for clock, tag in _CLOCK.items():
            at = text.find(f"<{tag}", specs)
            self.places.setdefault(clock, (at, text.find(">", at) + 1) if at >= 0 else (specs, specs))
        self.extra: list[Definition] = []
        self.at, self.calls = 0, -1
        self.subject = ""

    def model(self) -> ModelText:
        file, root = self._file()
        section = self._section(file)
        ranges = tuple(self._range(subscript) for subscript in section.subscripts)
        self.dims = {fold(r.name): r for r in ranges}
        self.axes = {fold(_clean(c.name)): _dimensions(c) for c in section.components}
        self.here: dict[str, str] = {}
        macros = tuple(self._macros(root, section))
        definitions: list[Definition] = []
        for component in section.components:
            try:
                definitions += self._definitions(component)
            except ModelError as error:
                self._kept(error, component.name)
        return ModelText(
            path=str(self.path),
            text=self.text,
            definitions=tuple(d for d in (*definitions, *self.extra)),
            ranges=ranges,
            groups=(),
            macros=macros,
            sketch="",
            settings=_settings(root),
            lines=self.source.lines,
        )

    # The file ----------------------------------------------------------------------------------------

    def _file(self) -> tuple[Any, Any]:
        """PySD's reading of the file, and its XML: no entities, and nothing that PySD would leave out."""
        if match := _ENTITIES.search(self.text):
            raise ModelError(
                "an XMILE file with a document type or entities of its own isn't read",
                where=self.source_where(match.start()),
                remedy="Take them out, or save the model anew from the program that wrote it",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pysd.translators.xmile.xmile_file import XmileFile

            try:
                file = XmileFile(self.path)
                root = file.xmile_root
            except Exception as error:  # of any kind, from the XML reader on
                raise ModelError(
                    "this is no XMILE file", where=str(self.path), found=_first_line(error)
                ) from error
        if _tag(root) != "xmile":
            raise ModelError(
                "this is no XMILE file", where=str(self.path), found=f"<{_tag(root)}>", expected="<xmile>"
            )
        for node in root.iter("*"):
            tag = _tag(node)
            if tag not in _FOREIGN:
                continue
            if any(_tag(above) in ("view", "style", "options", "header") for above in node.iterancestors()):
                continue  # how it looks
            name = _clean(node.get("name") or node.getparent().get("name") or "")
            raise UnsupportedError(
                f'the {tag} "{name}" isn\'t supported in XMILE files',
                where=self.source_where(self._place(name)[0] or max(self.text.find(f"<{tag}"), 0)),
            )
        sized = next((n for n in root.iter("*") if _tag(n) == "dim" and n.get("size") and not len(n)), None)
        if sized is not None and _tag(sized.getparent().getparent()) == "xmile":
            raise UnsupportedError(
                f'the dimension "{sized.get("name")}" with numbers in place of elements isn\'t supported',
                where=self.source_where(self._place(sized.get("name"))[0]),
                remedy="Name its elements",
            )
        return file, root

    def _section(self, file: Any) -> Any:
        """PySD's reading of the model, with each refusal at the variable that it is about."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                file.parse(parse_all=False)
                section = file.sections[0]
                section.parse(parse_all=False)
            except Exception as error:  # of any kind, from its own reader
                raise ModelError(
                    "PySD can't read this file", where=str(self.path), found=_first_line(error)
                ) from error
            kept = []
            for component in section.components:
                try:
                    if _is_empty(component):
                        raise ModelError(
                            f'"{_clean(component.name)}" has no equation',
                            where=self.source_where(self._place(component.name)[0]),
                        )
                    component.parse(section.behaviors)
                    kept.append(component)
                except ModelError as error:
                    self._kept(error, component.name)
                except Exception as error:  # of any kind, from its grammar
                    self._kept(
                        ModelError(
                            f'the equation of "{_clean(component.name)}" can\'t be read',
                            where=self.source_where(self._place(component.name)[0]),
                            found=_found(error),
                        ),
                        component.name,
                    )
            section.components = kept
        return section

    def _macros(self, root: Any, section: Any) -> Iterator[MacroDefinition]:
        """Macros of the file: an equation of parameters, and perhaps variables of its own."""
        from pysd.translators.xmile.xmile_element import Aux, Flow, Stock

        kinds = {"aux": Aux, "flow": Flow, "stock": Stock}
        for macro in (n for n in root if isinstance(n.tag, str) and _tag(n) == "macro" and len(n)):
            name = _clean(macro.get("name") or "")
            self.at, self.subject = self._place(name)[0], name
            own = [v for part in macro if _tag(part) == "variables" for v in part if isinstance(v.tag, str)]
            if odd := [_tag(v) for v in macro.iter("*") if _tag(v) in ("gf", "dimensions", "non_negative")]:
                raise self._unsupported(f"<{odd[0]}> in a macro")
            if odd := [_tag(v) for v in own if _tag(v) not in kinds]:
                raise self._unsupported(f"<{odd[0]}> in a macro")
            if not any(_tag(part) == "eqn" and (part.text or "").strip() for part in macro):
                raise ModelError(f'the macro "{name}" has no equation', where=self.source_where(self.at))
            components = [Aux(macro, section.ns, {}), *(kinds[_tag(v)](v, section.ns, {}) for v in own)]
            definitions: list[Definition] = []
            for component in components:
                try:
                    component.parse(section.behaviors)
                    definitions += self._definitions(component)
                except ModelError:
                    raise
                except Exception as error:  # of any kind, from its grammar
                    raise ModelError(
                        f'the equation of "{_clean(component.name)}" can\'t be read',
                        where=self.source_where(self._place(component.name)[0]),
                        found=_found(error),
                    ) from error
            inputs = tuple(_clean(p.text or "") for p in macro if _tag(p) == "parm")
            yield MacroDefinition(name, inputs, (), tuple(definitions), self._place(name)[0])

    def source_where(self, at: int) -> str:
        """``file:line:column`` of an offset."""
        span = self.source.span(at)
        return f"{self.path}:{span.line}:{span.column}"

    def _kept(self, error: ModelError, name: str) -> None:
        if self.unreadable is None:
            raise error
        start, end = self._place(name)
        self.unreadable.append(Unreadable(error, start, max(end, start + 1), _clean(name)))

    def _place(self, name: str) -> tuple[int, int]:
        return self.places.get(fold(_clean(name)), (0, 0))

    def _unsupported(self, what: str, **details: str) -> UnsupportedError:
        return UnsupportedError(
            f'{what} in the equation of "{self.subject}" isn\'t supported in XMILE files',
            where=self.source_where(self.at),
            **details,
        )

    # Definitions -------------------------------------------------------------------------------------

    def _range(self, subscript: Any) -> RangeDefinition:
        at, _ = self._place(subscript.name)
        items = tuple(Item(_clean(element), "", at) for element in subscript.definition)
        return RangeDefinition(_clean(subscript.name), items, (), "", "", at)

    def _definitions(self, component: Any) -> Iterator[Definition]:
        element = component.get_abstract_element()
        name = _clean(element.name)
        start, end = self._place(element.name)
        self.at, self.subject, self.calls = start, name, -1
        low, high = element.limits
        for part in element.components:
            subs = tuple(Sub(_clean(s), False, start) for s in part.subscripts[0])
            axes = self.axes.get(fold(name), ())
            self.here = {fold(d): s.name for d, s in zip(axes, subs, strict=False)}
            node = self._node(part.ast)
            if type(component).__name__ == "ControlElement":
                node = _folded(node)
            yield Definition(
                name=name,
                subscripts=subs,
                exceptions=(),
                operator="(" if isinstance(node, Points) else "=",
                expression=node,
                keyword="",
                units=" ".join((element.units or "").split()),
                limits=(low, high) if low is not None or high is not None else None,
                comment=" ".join((element.documentation or "").split()),
                flags="",
                group="",
                at=start,
                start=start,
                end=end,
            )

    # Expressions -------------------------------------------------------------------------------------

    def _call(self, name: str, *arguments: Node) -> Apply:
        return Apply(name, (), arguments, self.at)

    def _name(self, name: str) -> Name:
        return Name(name, (), self.at)

    def _node(self, ast: Any) -> Node:
        """Our node for one of PySD's."""
        if isinstance(ast, bool | int | float | np.number):
            return Num(float(ast), self.at)
        if isinstance(ast, np.ndarray):
            rows = ast.reshape(-1, ast.shape[-1]) if ast.ndim else ast.reshape(1, 1)
            return Array(tuple(tuple(float(x) for x in row) for row in rows), self.at)
        kind = type(ast).__name__.removesuffix("Structure")
        make: Callable[[Any], Node] | None = getattr(self, f"_of_{kind.lower()}", None)
        if make is None:
            raise self._unsupported(f"a {kind}")
        return make(ast)

    def _nodes(self, asts: Sequence[Any]) -> tuple[Node, ...]:
        return tuple(self._node(a) for a in asts)

    def _of_arithmetic(self, ast: Any) -> Node:
        operators, parts = list(ast.operators), list(self._nodes(ast.arguments))
        if operators == ["negative"]:
            return Num(-parts[0].value, self.at) if isinstance(parts[0], Num) else self._op("-", parts[0])
        if "^" in operators:  # as PySD runs it: from the right
            node = parts.pop()
            while operators:
                node = self._power(parts.pop(), node)
                operators.pop()
            return node
        node = parts[0]
        for operator, part in zip(operators, parts[1:], strict=True):
            node = self._op(operator, node, part)
        return node

    def _power(self, base: Node, exponent: Node) -> Node:
        """A power; the sign before a number stands for the whole of it, as everywhere: -2^2 is -4."""
        if not isinstance(base, Num) or base.value >= 0:
            return self._op("^", base, exponent)
        start, end = self._place(self.subject)
        if _SIGNED_BASE.search(self.text, start, end):
            raise self._unsupported(
                "a negative number in parentheses under ^",
                remedy="Write a product: PySD drops the parentheses",
            )
        return self._op("-", self._op("^", Num(-base.value, self.at), exponent))

    def _op(self, operator: str, *operands: Node) -> Op:
        return Op(operator, operands, self.at)

    def _of_logic(self, ast: Any) -> Node:
        operators, parts = list(ast.operators), list(self._nodes(ast.arguments))
        if operators == [":NOT:"]:
            return self._op("NOT", parts[0])
        return self._logic_of(operators, parts)

    def _logic_of(self, operators: Sequence[str], parts: Sequence[Node]) -> Node:
        for loose in _TIGHTNESS:
            if loose in operators:
                k = list(operators).index(loose)
                left = self._logic_of(operators[:k], parts[: k + 1])
                return self._op(loose.strip(":"), left, self._logic_of(operators[k + 1 :], parts[k + 1 :]))
        node = parts[0]
        for operator, part in zip(operators, parts[1:], strict=True):
            node = self._op(operator, node, part)
        return node

    def _of_reference(self, ast: Any) -> Node:
        name = _clean(ast.reference)
        name = self.spelt.get(fold(name), name)
        subs = ast.subscripts.subscripts if ast.subscripts is not None else ()
        if fold(name) in self.places:
            axes = [fold(d) for d in self.axes.get(fold(name), ())]
            if not subs and all(d in self.here for d in axes):  # an array among arrays, element by element
                subs = [self.here[d] for d in axes]
            return Name(name, tuple(Sub(_clean(s), False, self.at) for s in subs), self.at)
        if fold(name) == "pi":
            return Num(math.pi, self.at)
        return Name(
            _RENAMED.get(fold(name), name), tuple(Sub(_clean(s), False, self.at) for s in subs), self.at
        )

    def _function(self, function: str, arguments: Sequence[Any]) -> Node:
        nodes = self._nodes(arguments)
        step, end = self._name("TIME STEP"), self._name("FINAL TIME")
        match function, nodes:
            case "log10", (x,):
                return self._call("LOG", x, Num(10.0, self.at))
            case "pi", ():
                return Num(math.pi, self.at)
            case "round", (x,):
                half = Num(0.5, self.at)
                up = self._call("INTEGER", self._op("+", x, half))
                down = self._op("-", self._call("INTEGER", self._op("-", half, x)))
                return self._call("IF THEN ELSE", self._op("<", x, Num(0.0, self.at)), down, up)
            case "xramp", (slope, start):
                return self._call("RAMP", slope, start, end)
            case "xpulse", (start, magnitude):
                return self._op("*", self._op("/", magnitude, step), self._call("PULSE", start, step))
            case "xpulse_train", (start, between, magnitude):
                last = self._op("+", end, step)
                train = self._call("PULSE TRAIN", start, step, between, last)
                return self._op("*", self._op("/", magnitude, step), train)
            case (("vmin_xmile" | "vmax_xmile"), (Name() as array,)):
                given = arguments[0].subscripts
                axes = given.subscripts if given is not None else self.axes.get(fold(array.name), ())
                over = tuple(Sub(_clean(d), fold(_clean(d)) in self.dims, self.at) for d in axes)
                whole = Name(array.name, over, self.at)
                return self._call(function[:4].upper(), whole) if over else array
            case "lookup", (Name() as table, x):
                return Apply(table.name, table.subscripts, (x,), self.at)
        known = _FUNCTIONS.get(function)
        if known is None:
            raise self._unsupported(f"{function.upper()}")
        name, count = known
        if len(nodes) != count:
            raise self._unsupported(f"{function.upper()} with {len(nodes)} arguments")
        return self._call(name, *nodes)

    def _of_call(self, ast: Any) -> Node:
        reference = ast.function
        name = _clean(reference.reference)
        name = self.spelt.get(fold(name), name)
        if fold(name) in self.places:
            subs = reference.subscripts.subscripts if reference.subscripts is not None else ()
            arguments = self._nodes(ast.arguments)
            self.calls += 1  # each call of a macro has stocks of its own, and is known by its place
            at = self.at + self.calls
            return Apply(name, tuple(Sub(_clean(s), False, self.at) for s in subs), arguments, at)
        return self._function(str(reference.reference).lower(), ast.arguments)

    def _of_game(self, ast: Any) -> Node:
        return self._node(ast.expression)

    def _of_initial(self, ast: Any) -> Node:
        return self._call("INITIAL", self._node(ast.initial))

    def _of_integ(self, ast: Any) -> Node:
        flow, start = self._node(ast.flow), self._node(ast.initial)
        if ast.non_negative:  # what PySD does: the stock is cut at zero
            own = Name(self.subject, (), self.at)
            least = self._op("/", self._op("-", own), self._name("TIME STEP"))
            flow = self._call("MAX", flow, least)
        return self._call("INTEG", flow, start)

    def _of_delay(self, ast: Any) -> Node:
        return self._staged("DELAY1I", "DELAY3I", "DELAY N", ast, ast.delay_time)

    def _of_delayn(self, ast: Any) -> Node:
        return self._call("DELAY N", *self._nodes((ast.input, ast.delay_time, ast.initial, ast.order)))

    def _of_delayfixed(self, ast: Any) -> Node:
        return self._call("DELAY FIXED", *self._nodes((ast.input, ast.delay_time, ast.initial)))

    def _of_smooth(self, ast: Any) -> Node:
        return self._staged("SMOOTHI", "SMOOTH3I", "SMOOTH N", ast, ast.smooth_time)

    def _of_smoothn(self, ast: Any) -> Node:
        return self._call("SMOOTH N", *self._nodes((ast.input, ast.smooth_time, ast.initial, ast.order)))

    def _staged(self, first: str, third: str, any_order: str, ast: Any, time: Any) -> Node:
        nodes = self._nodes((ast.input, time, ast.initial))
        name = {1: first, 3: third}.get(int(ast.order))
        if name is None:
            return self._call(any_order, *nodes, Num(float(ast.order), self.at))
        return self._call(name, *nodes)

    def _of_trend(self, ast: Any) -> Node:
        return self._call("TREND", *self._nodes((ast.input, ast.average_time, ast.initial_trend)))

    def _of_forecast(self, ast: Any) -> Node:
        if not (isinstance(ast.initial_trend, int | float) and ast.initial_trend == 0):
            raise self._unsupported("FORCST with a trend at the start")
        return self._call("FORECAST", *self._nodes((ast.input, ast.average_time, ast.horizon)))

    def _of_lookups(self, ast: Any) -> Node:
        if ast.type != "interpolate":
            raise self._unsupported(f"a graphical function that is {_way(ast.type)} and stands by itself")
        return Points(tuple(map(float, ast.x)), tuple(map(float, ast.y)), self.at)

    def _of_inlinelookups(self, ast: Any) -> Node:
        argument, table = self._node(ast.argument), ast.lookups
        points = Points(tuple(map(float, table.x)), tuple(map(float, table.y)), self.at)
        if table.type == "interpolate":
            return self._call("WITH LOOKUP", argument, points)
        # another way to read between points: the points become a lookup of their own
        name = f"{self.subject} graph"
        if fold(name) not in {fold(d.name) for d in self.extra}:
            self.extra.append(
                Definition(
                    name, (), (), "(", points, "", "", None, f"Points of {self.subject}.", "", "", self.at, self.at,
                    self.at,
                )
            )  # fmt: skip
        way = {"extrapolate": "LOOKUP EXTRAPOLATE", "hold_backward": "LOOKUP BACKWARD"}[table.type]
        return self._call(way, self._name(name), argument)


def _dimensions(component: Any) -> list[str]:
    """Names of the dimensions of a variable."""
    node = getattr(component, "node", None)
    if node is None:
        return []
    return [_clean(d.attrib["name"]) for d in node.xpath("ns:dimensions/ns:dim", namespaces=component.ns)]


def _is_empty(component: Any) -> bool:
    """Whether a variable that takes an equation has none."""
    node = getattr(component, "node", None)
    if node is None or _tag(node) == "gf":
        return False
    return not any(_tag(part) == "eqn" and (part.text or "").strip() for part in node.iter("*"))


def _folded(node: Node) -> Node:
    """A number in place of arithmetic with numbers: ``1/4`` for a step has no unit of its own."""
    if isinstance(node, Op) and node.operator == "/":
        above, below = (_folded(o) for o in node.operands)
        if isinstance(above, Num) and isinstance(below, Num) and below.value:
            return Num(above.value / below.value, node.at)
    return node


def _way(kind: str) -> str:
    return {"extrapolate": "extrapolated", "hold_backward": "discrete"}.get(kind, kind)


def _tag(node: Any) -> str:
    return str(node.tag).rpartition("}")[2].lower()


def _clean(name: str) -> str:
    """A name on one line, with blanks for line breaks and underscores, without quotation marks."""
    return re.sub(r"(?:\\n|[\s_])+", " ", name.strip().strip('"')).strip()


def _settings(root: Any) -> str:
    """Settings lines for what the file says in its own way: integration method, unit synonyms."""
    specs = next((n for n in root.iter("*") if _tag(n) == "sim_specs"), None)
    method = _METHODS.get((specs.get("method") or "euler").strip().lower(), 0) if specs is not None else 0
    lines = [f"\n15:0,0,0,{method},0,0"]
    for unit in (n for n in root.iter("*") if _tag(n) == "unit"):
        names = [unit.get("name") or "", *((n.text or "") for n in unit if _tag(n) in ("eqn", "alias"))]
        names = [n.strip() for n in names if n.strip() and not re.search(r"[*/^,\n]", n)]
        if len(names) > 1:
            lines.append("22:" + ",".join(dict.fromkeys(names)))
    return "\n".join(lines) + "\n"


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _found(error: Exception) -> str:
    """What PySD's grammar stumbled over."""
    text = getattr(error, "text", None)
    pos = getattr(error, "pos", None)
    if isinstance(text, str) and isinstance(pos, int):
        return f'"{" ".join(text[pos : pos + 30].split())}"' if pos < len(text) else "the end of the equation"
    return f"what PySD's reader stumbles over ({type(error).__name__})"
