"""Subscript ranges: their elements, mappings between them, and subscripts bound to loops."""

from __future__ import annotations

import math
from collections.abc import Iterable

from flows.errors import UnsupportedError, near
from flows.model.ir import (
    Fixed,
    Loop,
    Range,
    Subscript,
)
from flows.references import fold
from flows.vensim import external
from flows.vensim.context import Axes, Context, Scope
from flows.vensim.tree import (
    Definition,
    RangeDefinition,
    Sub,
)

MOST_ELEMENTS = 1_000_000
"""Of one variable, or of one range."""


class Ranges(Context):
    """Ranges and subscripts."""

    def _ranges(self) -> None:
        definitions = {fold(r.name): r for r in self.source.ranges}
        resolved: dict[str, tuple[tuple[str, str], ...]] = {}

        def resolve(key: str, chain: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
            if key in resolved:
                return resolved[key]
            definition = definitions[key]
            if key in chain:
                raise self._error(
                    f'the subscript range "{definition.name}" is defined by itself', definition.at
                )
            elements: list[tuple[str, str]] = []
            if definition.equivalent:
                other = fold(definition.equivalent)
                if other not in definitions:
                    raise self._error(
                        f'there is no subscript range "{definition.equivalent}"',
                        definition.at,
                        remedy=near(other, [r.name for r in self.source.ranges]),
                    )
                elements.extend(resolve(other, (*chain, key)))
            if definition.source:
                names = self._external(definition.at, external.elements, self.files, definition.source)
                elements.extend((fold(e), e) for e in names)
            for item in definition.items:
                if item.last:
                    elements.extend((fold(e), e) for e in self._sequence(item.name, item.last, item.at))
                elif fold(item.name) in definitions:
                    elements.extend(resolve(fold(item.name), (*chain, key)))
                else:
                    elements.append((fold(item.name), item.name))
            if len({e for e, _ in elements}) < len(elements):
                raise self._error(
                    f'the subscript range "{definition.name}" holds an element twice', definition.at
                )
            resolved[key] = tuple(elements)
            return resolved[key]

        for key, definition in definitions.items():
            pairs = resolve(key, ())
            self.ranges[key] = Range(
                key,
                definition.name,
                tuple(e for e, _ in pairs),
                tuple(s for _, s in pairs),
                self.source.span(definition.at),
            )
            self.element_spelling.update(pairs)
            self.sets[key] = frozenset(e for e, _ in pairs)
            for element, _ in pairs:
                self.holders.setdefault(element, []).append(key)
        for key, definition in definitions.items():
            self._map(key, definition)

    def _map(self, key: str, definition: RangeDefinition) -> None:
        own = self.ranges[key].elements
        if definition.equivalent:
            other = fold(definition.equivalent)
            self.mappings[key, other] = self.mappings[other, key] = {e: e for e in own}
        for target, items in definition.mappings:
            target_key = fold(target)
            if target_key not in self.ranges:
                raise self._error(
                    f'there is no subscript range "{target}" to map to',
                    definition.at,
                    remedy=near(target, [r.spelling for r in self.ranges.values()]),
                )
            if not items:
                image = self.ranges[target_key].elements
                if len(image) != len(own):
                    raise self._error(
                        f'"{definition.name}" can\'t be mapped to "{target}" by position',
                        definition.at,
                        found=f"{len(own)} and {len(image)} elements",
                        expected="as many on both sides",
                    )
                self.mappings[key, target_key] = dict(zip(own, image, strict=True))
                self.mappings[target_key, key] = dict(zip(image, own, strict=True))
                continue
            images: list[tuple[str, ...]] = [
                self.ranges[fold(i.name)].elements if fold(i.name) in self.ranges else (fold(i.name),)
                for i in items
            ]
            if len(images) == len(own):  # the k-th element stands for the k-th image: one element or several
                self.mappings[target_key, key] = {
                    e: o for o, image in zip(own, images, strict=True) for e in image
                }
                if all(len(i) == 1 for i in images):
                    self.mappings[key, target_key] = dict(zip(own, (i[0] for i in images), strict=True))
            elif len(images) == len(self.ranges[target_key].elements):
                inverse = {
                    e: t for t, i in zip(self.ranges[target_key].elements, images, strict=True) for e in i
                }
                self.mappings[key, target_key] = inverse
            else:
                raise UnsupportedError(
                    f'the mapping of "{definition.name}" to "{target}" isn\'t understood',
                    where=self.source.where(definition.at),
                    expected="an element or a subrange for each of its elements",
                )

    def _sequence(self, first: str, last: str, at: int) -> list[str]:
        stems = [name.rstrip("0123456789") for name in (first, last)]
        low, high = (name[len(stem) :] for name, stem in zip((first, last), stems, strict=True))
        fits = low and high and fold(stems[0]) == fold(stems[1]) and max(len(low), len(high)) < 10
        if fits and int(high) - int(low) >= MOST_ELEMENTS:
            raise self._error(
                "this sequence has too many elements",
                at,
                found=f"{int(high) - int(low) + 1}",
                expected=f"at most {MOST_ELEMENTS}",
            )
        if not fits or int(low) > int(high):
            raise self._error(
                "this sequence of elements isn't understood",
                at,
                found=f"({first}-{last})",
                expected="the same prefix and rising numbers, such as (a0-a17)",
            )
        return [f"{stems[0]}{i}" for i in range(int(low), int(high) + 1)]

    def _axes(self, definition: Definition) -> Axes:
        axes: list[tuple[str | None, tuple[str, ...]]] = []
        for sub in definition.subscripts:
            key = fold(sub.name)
            if key in self.ranges:
                if any(index == key for index, _ in axes):
                    raise self._error(
                        f'the range "{sub.name}" stands twice on the left side of "{definition.name}"',
                        sub.at,
                        remedy="Define an equivalent range with <-> and use it for one of the two",
                    )
                axes.append((key, self.ranges[key].elements))
            elif key in self.element_spelling:
                axes.append((None, (key,)))
            else:
                raise self._error(
                    f'there is no subscript range or element "{sub.name}"',
                    sub.at,
                    remedy=near(sub.name, self._subscript_names()),
                )
        return tuple(axes)

    def _dimensions(
        self, definitions: list[Definition]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Smallest declared ranges that hold the elements of all equations of a variable."""
        first = definitions[0]
        all_axes = [self._axes(d) for d in definitions]
        ranges, elements = [], []
        for axes, definition in zip(all_axes, definitions, strict=True):
            if len(axes) != len(all_axes[0]):
                raise self._error(
                    f'"{definition.name}" is defined with {len(axes)} subscripts here and {len(all_axes[0])} before',
                    definition.at,
                    expected=f"as on line {self.source.span(first.at).line}",
                )
        size = max(math.prod(len(picked) for _, picked in axes) for axes in all_axes)
        self.elements += size
        if size > MOST_ELEMENTS or self.elements > 5 * MOST_ELEMENTS:
            whose = f'"{first.name}"' if size > MOST_ELEMENTS else "the model"
            raise self._error(
                f"{whose} has too many elements",
                first.at,
                found=f"{size if size > MOST_ELEMENTS else self.elements}",
                expected=f"at most {MOST_ELEMENTS if size > MOST_ELEMENTS else 5 * MOST_ELEMENTS}",
            )
        for d in range(len(all_axes[0])):
            needed = {e for axes in all_axes for e in axes[d][1]}
            used = [axes[d][0] for axes in all_axes if axes[d][0] is not None]
            if not needed:
                raise self._error(f'dimension {d + 1} of "{first.name}" has no elements', first.at)
            candidates = [self.ranges[r] for r in self.holders[next(iter(needed))] if needed <= self.sets[r]]
            if not candidates:
                raise self._error(
                    f'no subscript range holds all elements of dimension {d + 1} of "{first.name}"', first.at
                )
            smallest = min(candidates, key=lambda r: (len(r.elements), r.name not in used))
            ranges.append(smallest.name)
            elements.append(smallest.elements)
        return tuple(ranges), tuple(elements)

    def _position(self, element: str) -> int:
        """1-based position of an element in the largest range that holds it."""
        holders = [self.ranges[r].elements for r in self.holders[element]]
        return max(holders, key=len).index(element) + 1

    def _subscripts(
        self, name: str, key: str, subs: Iterable[Sub], scope: Scope, at: int
    ) -> tuple[Subscript, ...]:
        ranges, elements = self.dimensions[key]
        subs = tuple(subs)
        if len(subs) != len(ranges):
            spelled = ", ".join(self.ranges[r].spelling for r in ranges)
            raise self._error(
                f'"{name}" stands in the equation of "{scope.definition.name}" with {len(subs) or "no"} subscript'
                + ("s" if len(subs) != 1 else ""),
                at,
                expected=f"[{spelled}]" if ranges else "none",
            )
        result: list[Subscript] = []
        for d, sub in enumerate(subs):
            subscript = self._subscript(sub, scope)
            picked = (subscript.element,) if isinstance(subscript, Fixed) else subscript.elements
            missing = [e for e in picked if e not in elements[d]]
            if missing:
                raise self._error(
                    f'"{name}" has no element "{self.element_spelling[missing[0]]}"',
                    sub.at,
                    expected=f'an element of "{self.ranges[ranges[d]].spelling}"',
                )
            result.append(subscript)
        return tuple(result)

    def _subscript(self, sub: Sub, scope: Scope) -> Subscript:
        key = fold(sub.name)
        if id(sub) in scope.vector or key in scope.vector:
            return scope.vector.get(id(sub)) or scope.vector[key]
        if sub.bang:
            if key not in self.ranges:
                raise self._error(
                    f'there is no subscript range "{sub.name}"',
                    sub.at,
                    remedy=near(sub.name, self._subscript_names()),
                )
            if not scope.sums:
                raise self._error(
                    f'"{sub.name}!" stands in the equation of "{scope.definition.name}" outside of a sum',
                    sub.at,
                    remedy="Use ! inside SUM, PROD, VMIN, VMAX or VECTOR SELECT, else leave it out",
                )
            index = key + "!" * scope.sums  # a range of its own in each of nested SUMs
            scope.bound[index] = self.ranges[key].elements
            return Loop(index, self.ranges[key].elements)
        if key in scope.loops:
            return Loop(key, scope.loops[key])
        if key in self.element_spelling:
            return Fixed(key)
        if key in self.ranges:
            for index in scope.loops:
                image = self.mappings.get((index, key))
                if image is not None and all(e in image for e in scope.loops[index]):
                    return Loop(index, tuple(image[e] for e in scope.loops[index]))
            raise self._error(
                f'the range "{sub.name}" isn\'t on the left side of "{scope.definition.name}"',
                sub.at,
                expected="a range of the left side, one mapped from it, an element, or ! inside SUM",
            )
        raise self._error(
            f'there is no subscript range or element "{sub.name}"',
            sub.at,
            remedy=near(sub.name, self._subscript_names()),
        )

    def _subscript_names(self) -> list[str]:
        return [*(r.spelling for r in self.ranges.values()), *self.element_spelling.values()]
