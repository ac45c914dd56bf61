"""The model as its users see it: stocks, flows, auxiliaries, constants, lookups and subscripts by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from flows.errors import InputError, UnsupportedError, near
from flows.model.ir import Binary, Expr, Range, Ref, Refused, Unary, Variable, walk
from flows.paths import plain
from flows.references import fold

CONTROLS = ("initial time", "final time", "time step", "saveper")
FURTHER_CONTROLS = (
    "noise seed",
    "noise rng",
    "absolute tolerance",
    "relative tolerance",
    "simulation pause",
    "max threads",
)
"""Control variables that a model may do without."""
LEVER_GROUP = "levers"
_EPOCH = re.compile(r"\b0[\s\\]*=[\s\\]*(?:1[\s\\]+)?January[\s\\]+2013\b", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One variable, lookup or subscript range, for reading.

    Attributes
    ----------
    name : str
        Spelling of the file, without quotes.
    value : float, array, tuple or None
        Constants: a float, or an array over `subscripts`; lookups: the pair of arrays (x, y), or a dictionary of
        such pairs by element names; subscript ranges: the element names; None for what changes over time.
    units : str
        As in the file.
    range : tuple of (float or None), or None
        Plausible range from the file's ``[min,max]``.
    """

    name: str
    kind: str
    value: object
    units: str
    range: tuple[float | None, float | None] | None
    comment: str
    group: str
    subscripts: tuple[str, ...]
    where: str


class Catalogue:
    """Items in the order of the file; iterating gives the items, ``c["name"]`` one of them (case, blanks and _ fold).

    Examples
    --------
    >>> c = Catalogue("constant", [Item("Repeat chance", "constant", 0.5, "Dmnl", None, "", "", (), "")])
    >>> c["repeat_chance"].value, [item.name for item in c], "judges" in c
    (0.5, ['Repeat chance'], False)
    """

    def __init__(self, what: str, items: list[Item]) -> None:
        self._what = what
        self._items = {fold(item.name): item for item in items}

    def __getitem__(self, name: str) -> Item:
        try:
            return self._items[fold(name)]
        except KeyError:
            raise InputError(
                f'the model has no {self._what} "{name}"', remedy=near(name, self.names)
            ) from None

    def get(self, name: str) -> Item | None:
        """The item of a name, or None."""
        return self._items.get(fold(name))

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold(name) in self._items

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the file."""
        return tuple(item.name for item in self._items.values())

    def keys(self) -> tuple[str, ...]:
        """Names."""
        return self.names

    def values(self) -> tuple[Item, ...]:
        """Items."""
        return tuple(self._items.values())

    def items(self) -> tuple[tuple[str, Item], ...]:
        """Pairs of name and item."""
        return tuple((item.name, item) for item in self._items.values())

    def __repr__(self) -> str:
        return f"<{len(self)} {self._what}s: {', '.join(self.names[:8])}{', …' if len(self) > 8 else ''}>"


@dataclass(frozen=True)
class Control:
    """Start, end, step and saving interval of a run, in model time.

    In `Model.control` NaN stands for what each run works out: an equation of more than constants and arithmetic.
    """

    initial_time: float
    final_time: float
    time_step: float
    saveper: float


@dataclass(frozen=True, eq=False)
class Model:
    """A model: immutable.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    text : str
        Its text, unchanged.
    variables : mapping of str to Variable
        By folded name, hidden ones included, in the order of the file.
    ranges : mapping of str to Range
        Subscript ranges by folded name.
    method : str
        Integration method of the file's settings: ``euler``, ``rk2`` …
    synonyms : tuple of tuple of str
        Sets of unit synonyms.
    data_paths : tuple of pathlib.Path
        Data sets, spreadsheets and tables that were read with the file.
    """

    path: Path
    text: str
    variables: Mapping[str, Variable]
    ranges: Mapping[str, Range]
    groups: tuple[tuple[str, str], ...]
    method: str
    synonyms: tuple[tuple[str, ...], ...]
    control: Control
    data_paths: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file and what was read with it, for the digests of a run's provenance."""
        return (self.path, *self.data_paths)

    @property
    def name(self) -> str:
        """File name without suffix."""
        return plain(self.path.stem)

    def where(self, variable: Variable) -> str:
        """``file:line`` of a variable."""
        return f"{self.path}:{variable.span.line}"

    def _catalogue(
        self, what: str, *kinds: str, flows: bool | None = None, without: tuple[str, ...] | None = None
    ) -> Catalogue:
        flow_names = self.flow_names
        left_out = (*CONTROLS, *FURTHER_CONTROLS) if without is None else without
        return Catalogue(
            what,
            [
                self.item(v)
                for v in self.variables.values()
                if v.kind in kinds
                and not v.hidden
                and v.name not in left_out
                and (flows is None or (v.name in flow_names) == flows)
            ],
        )

    def item(self, variable: Variable) -> Item:
        """Show a variable to a reader."""
        value: object = None
        if variable.kind == "constant":
            array = constant_values(variable)
            value = float(array) if array.ndim == 0 else array
        elif variable.kind == "lookup":
            tables = {
                ", ".join(e[0] for _, e in eq.axes): (np.array(eq.table.x), np.array(eq.table.y))
                for eq in variable.equations
                if eq.table is not None
            }
            value = tables if variable.ranges else next(iter(tables.values()))
        return Item(
            name=variable.spelling,
            kind=variable.kind,
            value=value,
            units=variable.units,
            range=variable.limits,
            comment=variable.comment,
            group=variable.group,
            subscripts=tuple(self.ranges[r].spelling if r in self.ranges else r for r in variable.ranges),
            where=self.where(variable),
        )

    @cached_property
    def flow_names(self) -> frozenset[str]:
        """Folded names of variables that are terms of a stock's net flow."""
        names: set[str] = set()
        for variable in self.variables.values():
            if variable.kind == "stock" and not variable.hidden:
                for equation in variable.equations:
                    if equation.expr is not None:
                        names.update(ref.name for _, ref in flow_terms(equation.expr) if ref is not None)
        return frozenset(
            n for n in names if n in self.variables and self.variables[n].kind in ("auxiliary", "constant")
        )

    @cached_property
    def stocks(self) -> Catalogue:
        """Stocks."""
        return self._catalogue("stock", "stock")

    @cached_property
    def flows(self) -> Catalogue:
        """Flows: what enters or leaves a stock; a constant that does stands among the constants too."""
        return self._catalogue("flow", "auxiliary", "constant", flows=True)

    @cached_property
    def auxiliaries(self) -> Catalogue:
        """Auxiliaries that are no flows."""
        return self._catalogue("auxiliary", "auxiliary", "initial", flows=False)

    @cached_property
    def constants(self) -> Catalogue:
        """Constants without the control variables."""
        return self._catalogue("constant", "constant")

    @cached_property
    def settable(self) -> Catalogue:
        """What inputs set as a constant: the constants, and control variables such as NOISE SEED."""
        return self._catalogue("constant", "constant", without=CONTROLS)

    @cached_property
    def lookups(self) -> Catalogue:
        """Lookups."""
        return self._catalogue("lookup", "lookup")

    @cached_property
    def levers(self) -> Catalogue:
        """Policy levers: the constants of the group ``.Levers``."""
        return Catalogue("lever", [i for i in self.constants if i.group.lower() == LEVER_GROUP])

    @cached_property
    def in_months(self) -> bool:
        """Whether model time counts months."""
        variable = self.variables.get("time step")
        return variable is not None and variable.units.lower().rstrip("s") == "month"

    @cached_property
    def dated(self) -> bool:
        """Whether model time means dates: it counts months, and a remark of the file says that 0 is 1 January 2013.

        A model with the constant ``policy start time`` counts as one that says so.
        """
        return self.in_months and ("policy start time" in self.variables or bool(_EPOCH.search(self.text)))

    @cached_property
    def subscripts(self) -> Catalogue:
        """Subscript ranges."""
        return Catalogue(
            "subscript range",
            [
                Item(r.spelling, "subscript", r.spellings, "", None, "", "", (), f"{self.path}:{r.span.line}")
                for r in self.ranges.values()
            ],
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all variables and lookups, as the file spells them."""
        return tuple(v.spelling for v in self.variables.values() if not v.hidden)

    @cached_property
    def refused(self) -> Mapping[str, UnsupportedError]:
        """What isn't compiled, by folded name of the variable in whose equation it stands first."""
        return {
            v.name: UnsupportedError(node.what, where=node.where, remedy=node.remedy)
            for v in self.variables.values()
            for eq in v.equations
            for expr in (eq.expr, eq.initial)
            if expr is not None
            for node in walk(expr)
            if isinstance(node, Refused)
        }

    def variable(self, name: str, *, where: str = "") -> Variable:
        """Find a variable by name.

        Raises
        ------
        InputError
            If there is none, naming the nearest.
        """
        variable = self.variables.get(fold(name))
        if variable is None or variable.hidden:
            raise InputError(
                f'the model {self.path.name} has no variable "{name}"',
                where=where,
                remedy=near(name, self.names),
            )
        return variable

    @cached_property
    def element_spellings(self) -> dict[str, str]:
        """Folded element name → spelling of the file."""
        return {e: s for r in self.ranges.values() for e, s in zip(r.elements, r.spellings, strict=True)}

    def __repr__(self) -> str:
        return (
            f"<Model {self.name}: {len(self.stocks)} stocks, {len(self.flows)} flows, "
            f"{len(self.auxiliaries)} auxiliaries, {len(self.constants)} constants, {len(self.lookups)} lookups>"
        )


def constant_values(variable: Variable) -> np.ndarray:
    """Return the values of a constant.

    Parameters
    ----------
    variable : Variable
        A constant.

    Returns
    -------
    array of shape (elements of its first range, …)
        In the constant's unit; a number for one without subscripts, NaN where the file gives none.
    """
    values = np.full(variable.shape, np.nan)
    for equation in variable.equations:
        picks = [
            [variable.elements[d].index(e) for e in elements] for d, (_, elements) in enumerate(equation.axes)
        ]
        if picks:
            block = np.array(equation.values).reshape([len(p) for p in picks])
            values[np.ix_(*picks)] = block
        else:
            values[...] = equation.values[0]
    return values


def flow_terms(expr: Expr, sign: int = 1) -> list[tuple[int, Ref | None]]:
    """Split a net flow into its terms.

    Parameters
    ----------
    expr : Expr
        The first argument of INTEG.
    sign : int
        1, or -1 within what is taken off.

    Returns
    -------
    list of (int, Ref or None)
        Sign and reference; None for a term that is no plain variable.
    """
    terms: list[tuple[int, Ref | None]] = []
    stack: list[tuple[Expr, int]] = [(expr, sign)]
    while stack:
        node, s = stack.pop()
        if isinstance(node, Binary) and node.operator in ("+", "-"):
            stack.append((node.right, s if node.operator == "+" else -s))
            stack.append((node.left, s))
        elif isinstance(node, Unary) and node.operator == "-":
            stack.append((node.operand, -s))
        elif isinstance(node, Ref):
            terms.append((s, node))
        else:
            terms.append((s, None))
    return terms
