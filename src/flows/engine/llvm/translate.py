"""Small Python functions on floats as LLVM's assembly language, so that an algorithm stands once for both printings.

A function takes at most one sequence of floats first, then whole numbers and floats, and gives a float. Its statements
are assignments, ``if``, ``while``, ``for … in range(…)``, ``break`` and ``return``; its expressions arithmetic,
comparisons, ``and``, ``or``, ``not``, elements and the length of the sequence, ``int``, ``float``, ``abs`` and calls of
other such functions with the same sequence. Anything else is refused when the function is translated.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping

from flows.engine.llvm.lines import literal

_INTEGER = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv"}
_FLOAT = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_COMPARE = {
    ast.Lt: ("slt", "olt"),
    ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"),
    ast.GtE: ("sge", "oge"),
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
}
Value = tuple[str, str]
"""Type and operand."""


def translate(
    function: Callable[..., float],
    *,
    name: str,
    scale: int,
    calls: Mapping[str, str],
    constants: Mapping[str, float],
) -> str:
    """Translate one function.

    Parameters
    ----------
    function : callable
    name : str
        Its name in the module.
    scale : int
        Length of the sequence over the whole number that the module hands over with its pointer.
    calls : mapping of str to str
        Python name → name in the module, of functions that take the same sequence.
    constants : mapping of str to float
        Names of numbers.

    Returns
    -------
    str
        The definition, with parameters ``ptr, i64`` for the sequence.

    Raises
    ------
    NotImplementedError
        For anything that isn't understood.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return _Function(tree, name, scale, calls, constants).text()


class _Function:
    def __init__(
        self,
        tree: ast.FunctionDef,
        name: str,
        scale: int,
        calls: Mapping[str, str],
        constants: Mapping[str, float],
    ) -> None:
        self.tree, self.name, self.scale, self.calls, self.constants = tree, name, scale, calls, constants
        self.lines: list[str] = []
        self.slots: dict[str, str] = {}  # variable → type
        self.sequence = ""
        self.count = 0
        self.ends: list[str] = []  # where `break` goes

    def text(self) -> str:
        parameters, stores = [], []
        for argument in self.tree.args.args:
            kind = ast.unparse(argument.annotation) if argument.annotation else ""
            if kind.startswith("Sequence"):
                self.sequence = argument.arg
                parameters += ["ptr %sequence", "i64 %count"]
                continue
            self.slots[argument.arg] = "i64" if kind == "int" else "double"
            parameters.append(f"{self.slots[argument.arg]} %given.{argument.arg}")
            stores.append(f"  store {self.slots[argument.arg]} %given.{argument.arg}, ptr %v.{argument.arg}")
        self.block(self.tree.body)
        self.lines.append("  unreachable")
        slots = [f"  %v.{name} = alloca {kind}" for name, kind in self.slots.items()]
        head = f"define internal double @{self.name}({', '.join(parameters)}) noinline {{\nentry:"
        return "\n".join([head, *slots, *stores, *self.lines, "}"])

    def op(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"  %o{self.count} = {text}")
        return f"%o{self.count}"

    def label(self) -> str:
        self.count += 1
        return f"l{self.count}"

    def begin(self, label: str, *, after: str = "") -> None:
        """Open a block, and end the one before with a jump to it or elsewhere."""
        self.lines += [f"  br label %{after or label}", f"{label}:"]

    # -- statements

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.store(name, self.value(value))
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    found = [self.value(v) for v in values]
                    for target, one in zip(names, found, strict=True):
                        assert isinstance(target, ast.Name)
                        self.store(target.id, one)
                case ast.AugAssign(target=ast.Name(id=name), op=operator, value=value):
                    self.store(name, self.arithmetic(operator, self.load(name), self.value(value)))
                case ast.If(test=test, body=body, orelse=otherwise):
                    yes, no, after = self.label(), self.label(), self.label()
                    self.branch(test, yes, no)
                    self.lines.append(f"{yes}:")
                    self.block(body)
                    self.begin(no, after=after)
                    self.block(otherwise)
                    self.begin(after)
                case ast.While(test=test, body=body, orelse=[]):
                    self.loop(test, body, None)
                case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=limits)):
                    self.over(name, limits, statement.body)
                case ast.Break():
                    self.begin(self.label(), after=self.ends[-1])
                case ast.Return(value=value) if value is not None:
                    self.lines.append(f"  ret double {self.real(self.value(value))}")
                    self.lines.append(f"{self.label()}:")
                case _:
                    raise NotImplementedError(ast.unparse(statement))

    def loop(self, test: ast.expr, body: list[ast.stmt], step: Callable[[], None] | None) -> None:
        head, inside, after = self.label(), self.label(), self.label()
        self.begin(head)
        self.branch(test, inside, after)
        self.lines.append(f"{inside}:")
        self.ends.append(after)
        self.block(body)
        self.ends.pop()
        if step is not None:
            step()
        self.begin(after, after=head)

    def over(self, name: str, limits: list[ast.expr], body: list[ast.stmt]) -> None:
        """``for name in range(…)`` as a while loop; the step is 1 or -1."""
        first = limits[0] if len(limits) > 1 else ast.Constant(0)
        end = limits[1] if len(limits) > 1 else limits[0]
        step = ast.literal_eval(limits[2]) if len(limits) > 2 else 1
        self.count += 1
        hidden = f"{name}.{self.count}"
        self.store(hidden, self.value(first))
        test = ast.Compare(ast.Name(hidden), [ast.Lt() if step > 0 else ast.Gt()], [end])
        own: list[ast.stmt] = [ast.Assign([ast.Name(name)], ast.Name(hidden)), *body]

        def move() -> None:
            self.store(hidden, self.arithmetic(ast.Add(), self.load(hidden), ("i64", str(step))))

        self.loop(test, own, move)

    # -- expressions

    def store(self, name: str, value: Value) -> None:
        kind = self.slots.setdefault(name, value[0])
        operand = self.real(value) if kind == "double" else value[1]
        self.lines.append(f"  store {kind} {operand}, ptr %v.{name}")

    def load(self, name: str) -> Value:
        kind = self.slots[name]
        return kind, self.op(f"load {kind}, ptr %v.{name}")

    def real(self, value: Value) -> str:
        """A value as a double."""
        if value[0] == "double":
            return value[1]
        if value[0] != "i64":
            raise NotImplementedError("a condition as a number")
        return self.op(f"sitofp i64 {value[1]} to double")

    def value(self, expr: ast.expr) -> Value:
        match expr:
            case ast.Constant(value=int() as number) if not isinstance(number, bool):
                return "i64", str(number)
            case ast.Constant(value=float() as number):
                return "double", literal(number)
            case ast.Name(id=name) if name in self.slots:
                return self.load(name)
            case ast.Name(id=name) if name in self.constants:
                return "double", literal(self.constants[name])
            case ast.BinOp(left=left, op=operator, right=right):
                return self.arithmetic(operator, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                kind, inner = self.value(operand)
                return kind, self.op(f"fneg double {inner}" if kind == "double" else f"sub i64 0, {inner}")
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name == self.sequence:
                place = self.op(f"getelementptr double, ptr %sequence, i64 {self.value(index)[1]}")
                return "double", self.op(f"load double, ptr {place}")
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]) if name == self.sequence:
                return "i64", self.op(f"mul i64 %count, {self.scale}")
            case ast.Call(func=ast.Name(id="int"), args=[argument]):
                return "i64", self.op(f"fptosi double {self.real(self.value(argument))} to i64")
            case ast.Call(func=ast.Name(id="float"), args=[argument]):
                return "double", self.real(self.value(argument))
            case ast.Call(func=ast.Name(id="abs"), args=[argument]):
                return "double", self.op(
                    f"call double @llvm.fabs.f64(double {self.real(self.value(argument))})"
                )
            case ast.Call(func=ast.Name(id="lookup"), args=[ast.Name(id=name), *rest]) if (
                name == self.sequence
            ):
                start, n, x = (self.value(a) for a in rest)
                return "double", self.op(
                    f"call double @lookup(ptr %sequence, i64 {start[1]}, i64 {n[1]}, double {self.real(x)})"
                )
            case ast.Call(func=ast.Name(id=called), args=[ast.Name(id=name), *rest]) if (
                called in self.calls and name == self.sequence
            ):
                values = [self.value(a) for a in rest]
                typed = "".join(f", {kind} {operand}" for kind, operand in values)
                return "double", self.op(
                    f"call double @{self.calls[called]}(ptr %sequence, i64 %count{typed})"
                )
        raise NotImplementedError(ast.unparse(expr))

    def arithmetic(self, operator: ast.operator, left: Value, right: Value) -> Value:
        if left[0] == right[0] == "i64" and type(operator) in _INTEGER:
            return "i64", self.op(f"{_INTEGER[type(operator)]} i64 {left[1]}, {right[1]}")
        if type(operator) not in _FLOAT:
            raise NotImplementedError(ast.dump(operator))
        return "double", self.op(f"{_FLOAT[type(operator)]} double {self.real(left)}, {self.real(right)}")

    def branch(self, test: ast.expr, yes: str, no: str) -> None:
        """Go on at one of two labels; what isn't needed to know where isn't evaluated."""
        match test:
            case ast.BoolOp(op=operator, values=values):
                for value in values[:-1]:
                    following = self.label()
                    both = isinstance(operator, ast.And)
                    self.branch(value, following if both else yes, no if both else following)
                    self.lines.append(f"{following}:")
                self.branch(values[-1], yes, no)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.branch(operand, no, yes)
            case ast.Compare(left=left, ops=operators, comparators=others):
                before = self.value(left)
                for k, (comparison, other) in enumerate(zip(operators, others, strict=True)):
                    after = self.value(other)
                    whole, real = _COMPARE[type(comparison)]
                    if before[0] == after[0] == "i64":
                        holds = self.op(f"icmp {whole} i64 {before[1]}, {after[1]}")
                    else:
                        holds = self.op(f"fcmp {real} double {self.real(before)}, {self.real(after)}")
                    last = k == len(others) - 1
                    following = yes if last else self.label()
                    self.lines.append(f"  br i1 {holds}, label %{following}, label %{no}")
                    if not last:
                        self.lines.append(f"{following}:")
                    before = after
            case _:
                raise NotImplementedError(ast.unparse(test))
