"""What is known before a run: arithmetic of constants."""

from __future__ import annotations

from collections.abc import Mapping

from flows.model.ir import (
    Binary,
    Expr,
    Number,
    Ref,
    Unary,
    Variable,
    walk,
)
from flows.references import fold
from flows.vensim.context import Context
from flows.vensim.tree import (
    Apply,
    Array,
    Name,
    Node,
    Num,
    Op,
)


class Known(Context):
    """Values of expressions that are known before a run."""

    def _fixed(self, node: Node) -> float | None:
        """The number that an expression always is: a literal or an unchangeable constant (``==``)."""
        if isinstance(node, Op) and node.operator == "-" and len(node.operands) == 1:
            value = self._fixed(node.operands[0])
            return None if value is None else -value
        if isinstance(node, Name) and not node.subscripts:
            definitions = self.by_name.get(fold(node.name), [])
            if len(definitions) == 1 and definitions[0].operator == "==":
                return self._fixed(definitions[0].expression) if definitions[0].expression else None
        return node.value if isinstance(node, Num) else None

    def _at_start(self, node: Node | None) -> float | None:
        """The value of a scalar expression of constants and steps at INITIAL TIME; None for anything else."""

        def inner(part: Node) -> float | None:
            return self._at_start(part)

        def constant(key: str) -> float | None:
            if key not in self.values_at_start:
                self.values_at_start[key] = None  # a name that leads back to itself has no value
                definitions = self.by_name.get(key, [])
                if self._is_scalar(definitions) and definitions[0].expression is not None:
                    self.values_at_start[key] = inner(definitions[0].expression)
            return self.values_at_start[key]

        match node:
            case Num():
                return node.value
            case Name(subscripts=()):
                key = "initial time" if fold(node.name) == "time" else fold(node.name)
                return constant(key)
            case Op():
                values = [inner(o) for o in node.operands]
                return _arithmetic(node.operator, [v for v in values if v is not None], len(values))
            case Apply(subscripts=()) if fold(node.name) in ("step", "min", "max", "integer"):
                values = [inner(a) for a in node.arguments]
                known = [v for v in values if v is not None]
                if len(known) < len(values):
                    return None
                match fold(node.name), known:
                    case "step", [height, time]:
                        start, step = inner(Name("time", (), 0)), inner(Name("time step", (), 0))
                        if start is None or step is None:
                            return None
                        return height if start + step / 2 > time else 0.0
                    case "min", [a, b]:
                        return min(a, b)
                    case "max", [a, b]:
                        return max(a, b)
                    case "integer", [a]:
                        return float(int(a))
        return None

    def _never_changes(self, expr: Expr) -> bool:
        """True for arithmetic with constants."""
        return all(
            isinstance(n, Number | Binary | Unary)
            or (
                isinstance(n, Ref)
                and n.name in self.by_name
                and all(isinstance(d.expression, Num | Array) for d in self.by_name[n.name])
            )
            for n in walk(expr)
        )


def constant_value(
    expr: Expr, variables: Mapping[str, Variable], known: dict[str, float | None] | None = None
) -> float | None:
    """The value of arithmetic with unsubscripted constants; None for anything else."""
    known = {} if known is None else known
    match expr:
        case Number():
            return expr.value
        case Ref(subscripts=()) if expr.name in variables:
            equation = variables[expr.name].equations[0]
            if equation.values:
                return equation.values[0]
            if variables[expr.name].kind == "auxiliary" and equation.expr is not None:
                if expr.name not in known:
                    known[expr.name] = None  # a name that leads back to itself has no value
                    known[expr.name] = constant_value(equation.expr, variables, known)
                return known[expr.name]
        case Unary(operator="-"):
            value = constant_value(expr.operand, variables, known)
            return None if value is None else -value
        case Binary(operator="+" | "-" | "*" | "/" as operator):
            left, right = (constant_value(e, variables, known) for e in (expr.left, expr.right))
            if left is None or right is None or (operator == "/" and right == 0):
                return None
            match operator:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case _:
                    return left / right
    return None


def _arithmetic(operator: str, values: list[float], count: int) -> float | None:
    """Plain arithmetic of known values; None if one is missing or the operator is another."""
    match operator, values:
        case _ if len(values) < count:
            return None
        case "-", [a]:
            return -a
        case "+", [a, b]:
            return a + b
        case "-", [a, b]:
            return a - b
        case "*", [a, b]:
            return a * b
        case "/", [a, b] if b:
            return a / b
    return None
