"""Macros and functions with memory: each call becomes hidden variables of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flows.model.ir import (
    Equation,
    Expr,
    Kind,
    Loop,
    Ref,
    Span,
    Variable,
)
from flows.references import fold
from flows.vensim import expand
from flows.vensim.context import Axes, Scope
from flows.vensim.known import Known
from flows.vensim.tree import (
    Apply,
    Definition,
    MacroDefinition,
    Op,
)

_MOST_CALLS = 10_000


class Macros(Known):
    """Calls that are expanded into hidden variables."""

    def _further_results(self, definition: Definition) -> Iterable[Definition]:
        """Definitions of the variables behind the colon of a macro's call, with the subscripts of its equation."""
        stack = [definition.expression]
        while stack:
            node = stack.pop()
            if isinstance(node, Op):
                stack.extend(node.operands)
            elif isinstance(node, Apply):
                stack.extend(node.arguments)
                if node.outputs and fold(node.name) not in self.macros:
                    raise self._error(f'"{node.name}" is no macro: it has no further results', node.at)
                for k, output in enumerate(node.outputs):
                    yield replace(
                        definition,
                        name=output.name,
                        expression=replace(node, outputs=(), picked=k + 1),
                        operator="=",
                        units="",
                        limits=None,
                        comment="",
                        at=output.at,
                    )

    def _macro(self, node: Apply, macro: MacroDefinition, scope: Scope, span: Span) -> Expr:
        """Expand a macro's call: its variables become hidden ones over the loops of the calling equation."""
        if len(node.arguments) != len(macro.inputs):
            raise self._error(
                f'the macro "{macro.name}" takes {len(macro.inputs)} arguments ({", ".join(macro.inputs)})',
                node.at,
                found=str(len(node.arguments)),
            )
        outputs = [macro.name, *macro.outputs]
        if len(node.outputs) > len(macro.outputs) or node.picked > len(macro.outputs):
            raise self._error(
                f'the macro "{macro.name}" has {len(macro.outputs)} further results ({", ".join(macro.outputs)})',
                node.at,
            )
        place = (node.at, scope.axes)
        if scope.locals is None and place in self.expanded:
            return self.expanded[place][fold(outputs[node.picked])]
        if scope.bound:
            raise self._unsupported(f'the macro "{macro.name}" inside a SUM over ! ranges', node.at)
        if scope.depth > 20:
            raise self._error(f'the macro "{macro.name}" calls itself', node.at)
        axes: Axes = tuple((index, elements) for index, elements in scope.axes if index is not None)
        subscripts = tuple(Loop(index, elements) for index, elements in axes if index is not None)
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise self._error(
                f"macros are called more than {_MOST_CALLS} times, within each other or not",
                node.at,
                remedy="Put what they share into variables",
            )
        stem = f"#{fold(scope.definition.name)} MACRO {self.calls}"
        names: dict[str, Ref] = {}
        for name in (*macro.inputs, *(d.name for d in macro.definitions)):
            names[fold(name)] = Ref(f"{stem} {fold(name)}", subscripts, span)

        def add(name: str, kind: Kind, equation: Equation, at: Span) -> None:
            self.hidden[f"{stem} {fold(name)}"] = Variable(
                name=f"{stem} {fold(name)}",
                spelling=f"{name} of {macro.name}",
                kind=kind,
                equations=(equation,),
                ranges=tuple(index for index, _ in axes if index is not None),
                elements=tuple(elements for _, elements in axes),
                span=at,
                hidden=True,
            )

        for name, argument in zip(macro.inputs, node.arguments, strict=True):
            add(name, "auxiliary", Equation(axes, expr=self._expr(argument, scope), span=span), span)
        for definition in macro.definitions:
            if definition.subscripts or definition.operator not in ("=", "=="):
                raise self._unsupported("a macro with subscripts, data or lookups of its own", definition.at)
            inner = Scope(definition, scope.loops, axes)
            inner.locals, inner.depth = names, scope.depth + 1
            at = self.source.span(definition.at)
            assert definition.expression is not None
            add(definition.name, *self._right_side(definition.expression, inner, at), at)
        if scope.locals is None:
            self.expanded[place] = names
        for name in macro.outputs:
            if f"{stem} {fold(name)}" not in self.hidden:
                raise self._error(f'the macro "{macro.name}" has no equation for "{name}"', macro.at)
        return names[fold(outputs[node.picked])]

    def _memory(
        self, key: str, arguments: tuple[Expr, ...], scope: Scope, span: Span, own: Ref | None
    ) -> Expr:
        """Rewrite a function with memory as hidden variables over the loops of its equation."""
        axes: Axes = tuple((index, elements) for index, elements in scope.axes if index is not None)
        stem = f"#{fold(scope.definition.name)} {key.upper()} {len(self.hidden)}"  # capitals: no folded name
        subscripts = tuple(Loop(index, elements) for index, elements in axes if index is not None)

        def add(suffix: str, kind: Kind, expr: Expr, initial: Expr | None) -> Ref:
            variable = Variable(
                name=f"{stem}{suffix}",
                spelling=f"{key.upper()} in {scope.definition.name}",
                kind=kind,
                equations=(Equation(axes, expr=expr, initial=initial, span=span),),
                ranges=tuple(index for index, _ in axes if index is not None),
                elements=tuple(elements for _, elements in axes),
                span=span,
                hidden=True,
            )
            self.hidden[variable.name] = variable
            return Ref(variable.name, subscripts, span)

        def reference(suffix: str) -> Ref:
            return Ref(f"{stem}{suffix}", subscripts, span)

        steady = len(arguments) > 1 and self._never_changes(arguments[1])
        return expand.memory(key, arguments, add, reference, steady=steady, own=own)
