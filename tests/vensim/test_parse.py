from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import FlowsError, ModelError
from flows.references import fold
from flows.vensim import parse as blocks
from flows.vensim.conflicts import settled
from flows.vensim.lower import lower
from flows.vensim.parse import Unreadable, parse, read_text
from flows.vensim.tree import Apply, Array, Definition, ModelText, Name, Node, Num, Op, Points, Text

NA = -(2.0**109)


def show(node: Node | None) -> str:
    """The tree as nested brackets."""
    match node:
        case Num():
            return f"{node.value:g}"
        case Text():
            return f"'{node.value}'"
        case Name():
            return node.name + _subscripts(node)
        case Op():
            return f"({node.operator} {' '.join(show(o) for o in node.operands)})"
        case Apply():
            return f"{node.name}{_subscripts(node)}({', '.join(show(a) for a in node.arguments)})"
        case Points():
            return " ".join(f"{x:g}:{y:g}" for x, y in zip(node.x, node.y, strict=True))
        case Array():
            return "; ".join(" ".join(f"{v:g}" for v in row) for row in node.rows)
        case None:
            return "nothing"


def _subscripts(node: Name | Apply) -> str:
    inner = ",".join(s.name + "!" * s.bang for s in node.subscripts)
    return f"[{inner}]" if inner else ""


def one(text: str) -> Definition:
    (definition,) = parse(text).definitions
    return definition


def expression(text: str) -> str:
    return show(one(f"x = {text} ~ ~ |").expression)


# ---------------------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("-2", "-2"),
        ("+2", "2"),
        ("--2", "2"),
        ("a", "a"),
        ("-a", "(- a)"),
        ("a+b-c", "(- (+ a b) c)"),
        ("a-(b-c)", "(- a (- b c))"),
        ("a/b*c", "(* (/ a b) c)"),
        ("a+b*c", "(+ a (* b c))"),
        ("(a+b)*c", "(* (+ a b) c)"),
        ("a*-b", "(* a (- b))"),
        ("-2^2", "(- (^ 2 2))"),  # Vensim's own output in SDXorg/test-models: -4
        ("2^-1", "(^ 2 -1)"),
        ("a^b*c", "(* (^ a b) c)"),
        ("-a*b", "(* (- a) b)"),
        ("a<b+1", "(< a (+ b 1))"),
        ("a<>b", "(<> a b)"),
        ("a<=b :AND: c>=d", "(AND (<= a b) (>= c d))"),
        ("a :OR: b :AND: c", "(OR a (AND b c))"),
        (":NOT: a :AND: b", "(AND (NOT a) b)"),
        (":not:a:or: b", "(OR (NOT a) b)"),
        (": AND :1", None),
        ("a = :NA:", f"(= a {NA:g})"),
        ("MIN(a,b)", "MIN(a, b)"),
        ("if then else ( a > 0 , b , c )", "if then else((> a 0), b, c)"),
        ("SUM(x[R!,S])", "SUM(x[R!,S])"),
        ("x[North]", "x[North]"),
        ("table(a)", "table(a)"),
        ("table[North](a)", "table[North](a)"),
        ("f()", "f()"),
        ("GET XLS CONSTANTS('a b.xls','S','B2*')", "GET XLS CONSTANTS('a b.xls', 'S', 'B2*')"),
        ("long \t name", "long name"),
        ("long_name", "long_name"),
        ("it's", "it's"),
        ("price$", "price$"),
        ('"odd + name"*2', '(* "odd + name" 2)'),
        ("población + 人口", "(+ población 人口)"),
        ("a {a comment; with ~ | \" ' signs} + {another} b", "(+ a b)"),
        ("a {outer {inner} outer} + b", "(+ a b)"),
        ("WITH LOOKUP(a, ((0,1),(2,-3.5)))", "WITH LOOKUP(a, 0:1 2:-3.5)"),
        ("WITH LOOKUP(a, ([(0,0)-(10,10),(3,3)],(0,1),(2,3)))", "WITH LOOKUP(a, 0:1 2:3)"),
        ("1,2,3", "1 2 3"),
        ("1,-2; 3,4;", "1 -2; 3 4"),
        ("1,2;3,4", "1 2; 3 4"),
        (":NA:,1", f"{NA:g} 1"),
    ],
)
def test_expressions(text: str, tree: str | None) -> None:
    if tree is None:
        with pytest.raises(ModelError):
            expression(text)
    else:
        assert expression(text) == tree


def test_a_tabbed_array_breaks_at_lines() -> None:
    assert show(one("x[R,S] = TABBED ARRAY(\n1\t2\t3\n4\t5\t-6\n) ~~|").expression) == "1 2 3; 4 5 -6"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "x = long \\\n\t\tname + 1 ~~|",
        "x = long\\\n\t\tname + 1 ~~|",
        "x = long name + \\\n\t\t1 ~~|",
        'x = "long \\\n\t\tname" + 1 ~~|',
    ],
)
def test_a_line_may_break_inside_a_name(text: str, newline: str) -> None:
    definition = one(text.replace("\n", newline))
    assert isinstance(definition.expression, Op)
    name, number = definition.expression.operands
    assert isinstance(name, Name) and fold(name.name) == "long name"
    assert isinstance(number, Num) and number.value == 1


# ---------------------------------------------------------------------------------------------------- blocks


@pytest.mark.parametrize(
    ("text", "units", "limits", "comment"),
    [
        ("x = 1 ~ Person ~ Words. |", "Person", None, "Words."),
        ("x = 1 ~~|", "", None, ""),
        ("x = 1 |", "", None, ""),
        ("x = 1 ~ Person/Month [0,100,1] ~ |", "Person/Month", (0, 100), ""),
        ("x = 1 ~ [0,?] ~ |", "", (0, None), ""),
        ("x = 1 ~ Dmnl [?,-1.5e3] ~ |", "Dmnl", (None, -1500), ""),
        ("x = 1 ~ Dmnl [0] ~ |", "Dmnl", (0, None), ""),
        ("x = 1 ~ Dmnl [] ~ |", "Dmnl", None, ""),
        ("x = 1 ~ Person/\\\n\t\tMonth ~ |", "Person/ Month", None, ""),
        ("x = 1 ~ ~ One long \\\n\t\tsentence\n\twith breaks. |", "", None, "One long sentence with breaks."),
        ('x = 1 ~ ~ Quote " and { brace. |', "", None, 'Quote " and { brace.'),
    ],
)
def test_units_ranges_and_comments(text: str, units: str, limits: object, comment: str) -> None:
    definition = one(text)
    assert (definition.units, definition.limits, definition.comment) == (units, limits, comment)


@pytest.mark.parametrize(
    ("text", "operator", "keyword", "tree"),
    [
        ("x = 1 ~~|", "=", "", "1"),
        ("x == 1 ~~|", "==", "", "1"),
        ("t((0,1),(2,3)) ~~|", "(", "", "0:1 2:3"),
        ("t([(0,0)-(2,3)],(0,1),(2,3)) ~~|", "(", "", "0:1 2:3"),
        ("t(0,2,1,3) ~~|", "(", "", "0:1 2:3"),
        ("t( (0,1),\\\n\t\t(2,3) ) ~~|", "(", "", "0:1 2:3"),
        ("x ~~|", "", "", "nothing"),
        ("x:RAW: ~~|", "", "RAW", "nothing"),
        ("x[R]:RAW::=y ~~|", ":=", "RAW", "y"),
        ("x :HOLD BACKWARD: := y*2 ~~|", ":=", "HOLD BACKWARD", "(* y 2)"),
        ("x :IS: 'a word' ~~|", ":IS:", "", "'a word'"),
        ("x = a * b :IGNORE: b ~~|", "=", "", "(* a b)"),
    ],
)
def test_left_sides(text: str, operator: str, keyword: str, tree: str) -> None:
    definition = one(text)
    assert (definition.operator, definition.keyword, show(definition.expression)) == (operator, keyword, tree)


def test_supplementary_is_kept_as_a_flag() -> None:
    assert one("x = 1 ~ Dmnl ~ Words. ~ :SUPPLEMENTARY\n\t|").flags == ":SUPPLEMENTARY"


def test_quotes_belong_to_the_spelling_not_to_the_name() -> None:
    definitions = parse(
        '"a {b} c" = 1 ~~| "say \\"hi\\"" = 2 ~~| "back\\\\" = 3 ~~| "a | b ~ c" = 4 ~~|'
    ).definitions
    assert [d.name for d in definitions] == ["a {b} c", 'say "hi"', "back\\", "a | b ~ c"]


def test_except() -> None:
    definition = one("x[R] :EXCEPT: [North], [South] = 1 ~~|")
    assert [[s.name for s in group] for group in definition.exceptions] == [["North"], ["South"]]


@pytest.mark.parametrize(
    ("text", "items", "mappings", "equivalent"),
    [
        ("R : North, South ~~|", [("North", ""), ("South", "")], [], ""),
        ("R : (a1-a5), b ~~|", [("a1", "a5"), ("b", "")], [], ""),
        ("R : A, B -> S ~~|", [("A", ""), ("B", "")], [("S", [])], ""),
        (
            "R : A, B -> (S: X, Y), (T: P, Q) ~~|",
            [("A", ""), ("B", "")],
            [("S", ["X", "Y"]), ("T", ["P", "Q"])],
            "",
        ),
        ("R <-> S ~~|", [], [], "S"),
        (
            'R : "El Salvador", Trinidad_and Tobago ~~|',
            [("El Salvador", ""), ("Trinidad_and Tobago", "")],
            [],
            "",
        ),
    ],
)
def test_ranges(text: str, items: object, mappings: object, equivalent: str) -> None:
    (found,) = parse(text).ranges
    assert [(i.name, i.last) for i in found.items] == items
    assert [(name, [i.name for i in to]) for name, to in found.mappings] == mappings
    assert found.equivalent == equivalent


def test_groups_hold_the_blocks_that_follow() -> None:
    read = parse(
        """{UTF-8}
a = 1 ~~|
********************************************************
	.Levers
********************************************************~
		What can be decided.
	|
b = 2 ~~|
****
 Two words
****~
|
c = 3 ~~|
"""
    )
    assert [(g.name, g.comment) for g in read.groups] == [
        ("Levers", "What can be decided."),
        ("Two words", ""),
    ]
    assert [(d.name, d.group) for d in read.definitions] == [("a", ""), ("b", "Levers"), ("c", "Two words")]


WHOLE = (
    "{UTF-8}\na = 1\n\t~\tDmnl\n\t~\t\t|\n\n\\\\\\---/// Sketch information\nV300\n*View\n///---\\\\\\\n"
    ":L\x7f<%^E!@\n1:Current.vdfx\n15:0,0,0,5,0,0\n"
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [":L\x7f<%^E!@", ":L<%^E!@"])
def test_sketch_and_settings_are_kept_byte_for_byte(newline: str, mark: str) -> None:
    text = WHOLE.replace(":L\x7f<%^E!@", mark).replace("\n", newline)
    read = parse(text)
    assert [d.name for d in read.definitions] == ["a"]
    assert read.sketch.startswith("\\\\\\---///") and read.sketch.endswith("///---\\\\\\" + newline)
    assert read.settings.startswith(mark) and text.endswith(read.settings)
    assert read.text == text


def test_reality_checks_are_passed_over() -> None:
    text = "a = 1 ~~| check :THE CONDITION: a > 1 :IMPLIES: a < 2 ~~| input :TEST INPUT: t = 3 ~~| b = 2 ~~|"
    assert [d.name for d in parse(text).definitions] == ["a", "b"]


# ---------------------------------------------------------------------------------------------------- places


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_node_knows_its_line_and_column(newline: str) -> None:
    text = "a = 1 ~~|\n\n  b = a +\n    MIN(a, 3) ~~|\n".replace("\n", newline)
    read = parse(text, "m.mdl")
    b = read.definitions[1]
    assert read.where(b.at) == "m.mdl:3:3"
    assert isinstance(b.expression, Op)
    left, right = b.expression.operands
    assert [read.where(n.at) for n in (b.expression, left, right)] == ["m.mdl:3:9", "m.mdl:3:7", "m.mdl:4:5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a = (1 + 2 ~~|",
            'm.mdl:1:11: can\'t read the equation of "a", found the end of the equation, expected an operator or ")" '
            'for the "(" at line 1, column 5. Check that parentheses are balanced and that an operator stands between '
            "two terms.",
        ),
        (
            "a = 1 + 2) ~~|",
            'm.mdl:1:10: can\'t read the equation of "a", found ")", expected an operator, or "~" at the end of the '
            'equation. Remove the ")" or add the "(" that it closes.',
        ),
        (
            "a = 1\nb = 2 ~~|",
            'm.mdl:2:1: can\'t read the equation of "a", found "b", expected an operator, or "~" at the end of the '
            "equation. Check that an operator stands between two terms and that the block before ends with |.",
        ),
        (
            "a = 1 ~ Month ~ Words.\nb = 2 ~ Month ~ |",
            'm.mdl:1:22: a "|" is missing: more than units, comment and flags stand before the end of this block. End '
            "each block with |.",
        ),
        (
            "a = 1 ~~\nb = 2 ~~|",
            'm.mdl:1:8: a "|" is missing: more than units, comment and flags stand before the end of this block. End '
            "each block with |.",
        ),
        (
            "a = 1 ~~ Words.\n****\n.Control\n****~\nWords. |",
            'm.mdl:1:1: a "|" is missing: more than units, comment and flags stand before the end of this block. End '
            "each block with |.",
        ),
        ("a = 1", 'm.mdl:1:1: this block is never ended, expected "~" units "~" comment "|" after the expression.'),
        ("a = 1 ~ Month ~ ", 'm.mdl:1:1: this block is never ended, expected "|" after the comment.'),
        ('a = "b + 1 ~~|', 'm.mdl:1:5: a quotation mark is never closed. Add the closing ".'),
        ("a = 'b + 1 ~~|", "m.mdl:1:5: a quotation mark is never closed. Add the closing '."),
        ("a = 1 {b ~~|", "m.mdl:1:7: a { comment is never closed. Add the closing }."),
        ("a = 1 ~~|\n{b", "m.mdl:2:1: a { comment is never closed. Add the closing }."),
        (
            "a = 1 + ~~|",
            'm.mdl:1:8: can\'t read the equation of "a", found the end of the equation, expected a number, a name or '
            "an opening parenthesis.",
        ),
        (
            "a = * 2 ~~|",
            'm.mdl:1:5: can\'t read the equation of "a", found "*", expected a number, a name or an opening '
            "parenthesis.",
        ),
        (
            "a = b # c ~~|",
            'm.mdl:1:7: this character can\'t stand in an equation, found "#". Remove it, or put the whole name in '
            'double quotes ("…").',
        ),
        (
            "a * 5 ~~|",
            'm.mdl:1:3: can\'t read the equation of "a", found "*", expected "=" after the name. Check that the block '
            "before it ends with |.",
        ),
        ("= 5 ~~|", 'm.mdl:1:1: can\'t read the equation of this block, found "=", expected the name of a variable.'),
        ("5 = a ~~|", 'm.mdl:1:1: can\'t read the equation of this block, found "5", expected the name of a variable.'),
        ("~~|", 'm.mdl:1:1: an empty block. Remove the stray "~" or "|".'),
        (
            "a[b = 1 ~~|",
            'm.mdl:1:5: can\'t read the equation of "a", found "=", expected "," or "]" between or after subscripts.',
        ),
        (
            "t((0,1),(1,2) ~~|",
            'm.mdl:1:14: can\'t read the equation of "t", found the end of the equation, expected ")" after the points '
            "of the lookup.",
        ),
        (
            "t((0,1),(1)) ~~|",
            'm.mdl:1:11: can\'t read the equation of "t", found ")", expected "," between x and y of a lookup point.',
        ),
        ("t(0,1,2) ~~|", "m.mdl:1:2: a lookup needs as many x as y values, found 3 numbers."),
        (
            "t((0,b),(1,2)) ~~|",
            'm.mdl:1:6: can\'t read the equation of "t", found "b", expected the y of a lookup point.',
        ),
        (
            "R : (a1-a5 ~~|",
            'm.mdl:1:11: can\'t read the equation of "R", found the end of the equation, expected ")" after the '
            "sequence.",
        ),
        (
            "a = 1 ~ Dmnl [0,x] ~ |",
            'm.mdl:1:8: the range of "a" can\'t be read, found "x", expected numbers or ? as in [0,?].',
        ),
        ("a = 1 ~ Dmnl [0,1 ~ |", 'm.mdl:1:8: the units of "a" can\'t be read, found "Dmnl [0,1".'),
        (
            "****\na = 1 ~~|",
            'm.mdl:1:1: this group heading can\'t be read, expected asterisks, the name, asterisks, "~", a comment, '
            '"|".',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_its_place(text: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(text, "m.mdl")
    assert str(caught.value) == message


# ---------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "m.mdl"
    path.write_bytes("población = 1 ~~|".encode(encoding))
    assert read_text(path) == "población = 1 ~~|"


def test_line_ends_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.mdl"
    path.write_bytes(b"a = 1\r\n~~|\rb = 2\n~~|")
    assert read_text(path) == "a = 1\r\n~~|\rb = 2\n~~|"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "none.mdl"
    with pytest.raises(ModelError) as caught:
        read_text(path)
    assert str(caught.value) == f"{path}: there is no such model file. Check the path."
    with pytest.raises(ModelError):
        read_text(tmp_path)


# ---------------------------------------------------------------------------------------------------- hostile texts


@pytest.mark.parametrize(
    "text",
    [
        "b = " + "(" * 100_000 + "~~|",
        "b = " + "(" * 1_000 + "1" + ")" * 1_000 + "~~|",
        "b = " + "-" * 1_000 + "1 ~~|",
        "b = " + ":NOT:" * 1_000 + "1 ~~|",
        "b = " + "f(" * 1_000 + "1" + ")" * 1_000 + "~~|",
        "b = " + "2^" * 1_000 + "2 ~~|",
    ],
    ids=["open parentheses", "parentheses", "minus", "not", "calls", "powers"],
)
def test_deep_nesting_is_refused_in_words(text: str) -> None:
    with pytest.raises(ModelError, match=r"nests more than \d+ levels deep"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "****\n" + "\n" * 100_000 + "x",
        "*" * 200_000,
        "b = " + "{{}" * 20_000 + "1 ~~|",
        "b = " + "{" * 20_000 + "}" * 20_000 + "1 ~~|",
        "b = " + "{" * 200_000,
        "b = 1 ~ " + " " * 100_000 + "x ~ " + " " * 100_000 + "x |",
        "b = 1 ~ " + "[" * 50_000 + " ~ |",
        "b" + " " * 100_000 + "= 1 ~~|",
        "b = " + "a " * 50_000 + "~~|",
        "b = 1" + "," * 50_000 + "~~|",
        'b = "' + "\\" * 100_001 + '" ~~|',
        "b = " + '"' * 50_000 + " ~~|",
        "|" * 100_000,
        "b = 1 ~~|" * 5_000,
        "\\" * 100_000,
        ":" * 50_000 + " ~~|",
    ],
    ids=range(16),
)  # fmt: skip
def test_long_texts_are_read_or_refused_in_no_time(text: str) -> None:
    """Nothing here may take a time that grows with the square of the length (the suite would hang)."""
    with contextlib.suppress(ModelError):
        parse(text)


SIGNS = list("abx12 \t\n\r\\~|\"'{}[]()=<>,;:!*/+-^.$&%#_\x7f\x00")
ALPHABET = st.text(st.one_of(st.sampled_from(SIGNS), st.characters()), max_size=60)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["a = 1", "~~|", "INTEG(", "****\n", ":AND:", ":NA:", "(0,1)", "R : a, b", "<->", "\\\n", '"q"', "x[R!]"]
        ),
        ALPHABET,
    ),
    max_size=12,
).map(" ".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(ALPHABET, PIECES))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse(text, "m.mdl")
    except FlowsError as error:
        where = error.where
    else:
        assert isinstance(read, ModelText) and read.text == text
        where = read.where(0)
    assert where.startswith("m.mdl:")


MOVED = """
    R : a, b -> (S: c, d) ~~|
    S : (s1-s3) ~~|
    Q <-> R ~~|
    *********
    .Group
    *********~ comment |
    x[R] :EXCEPT: [a] = IF THEN ELSE(-k^2 > 1 :AND: :NOT: y[R], SUM(y[R!]) + t(Time), 'text' ) ~ m [0,1]~ words |
    t((0,1),(2,3)) ~~|
    c[R] = 1, 2 ~~|
    m = MAC(x[a], 2 : other[b]) + WITH LOOKUP(Time, ((0,1),(1,2))) ~~|
    d[R] :RAW: ~~|
    s :IS: 'text' ~~|
    check :THE CONDITION: x > 1 :IMPLIES: y > 2 ~~|
    """


def test_a_block_read_before_is_the_same_at_its_new_place() -> None:
    parse(MOVED, "m.mdl")
    for before in ("", "new = 1 ~~|\n", "****\n.Other\n****~|\n", "{ a remark }"):
        text = before + MOVED
        known = parse(text, "m.mdl")
        blocks._known.blocks.clear()
        assert parse(text, "m.mdl") == known
        assert known.span(known.definitions[-1].at).line == MOVED.count(
            "\n", 0, MOVED.index("s :IS:")
        ) + 1 + (before.count("\n"))


def test_only_so_much_text_is_kept() -> None:
    known = blocks._Known(10)
    for text in ("a" * 8, "b" * 8, "c" * 8):
        known.put(text, (0, None))
    assert set(known.blocks) == {"c" * 8}
    assert known.get("c" * 8) == (0, None) and known.get("a" * 8) is None


def test_lines_end_in_any_way() -> None:
    for text in (
        "a = 1 ~~|\n\nb = 2 ~~|\n",
        "a = 1 ~~|\r\n\r\nb = 2 ~~|",
        "a = 1 ~~|\r\rb = 2 ~~|\r",
        "a = 1 ~~|\r\n\rb = 2 ~~|",
    ):
        read = parse(text, "m.mdl")
        assert read.where(read.definitions[1].at) == "m.mdl:3:1"


def test_a_sketch_opens_at_the_start_of_a_line() -> None:
    read = parse("a = 1 ~ ~ no \\\\---/// here|\n\\\\\\---/// Sketch\n*View\n:L\x7f<%^E!@\n1:x\n", "m.mdl")
    assert read.sketch == "\\\\\\---/// Sketch\n*View\n"
    assert read.settings.startswith(":L")


def test_a_comment_in_two_parts() -> None:
    (block,) = parse("x = 1\n\t~ m\n\t~ first\n\t~ second\n\tline\n|", "m.mdl").definitions
    assert (block.units, block.comment, block.flags) == ("m", "first second line", "")
    with pytest.raises(ModelError, match=r'a "\|" is missing'):
        parse("x = 1 ~ m ~ first ~ y = 2 |", "m.mdl")


@pytest.mark.parametrize(
    ("slip", "remedy"),
    [
        ("a × 2", "Write *."),
        ("a − 2", "Write -."),
        ("IF THEN ELSE(a > 1 && a < 3, 1, 0)", "Write :AND:."),
        ("IF THEN ELSE(a > 1 || a < 3, 1, 0)", "Write :OR: for either."),
        ("“a” * 2", 'Write straight quotes, ".'),
        ("a * 50%", "Write 0.5 for 50%."),
        ("a ** 2", "Write ^ for a power."),
        ("IF THEN ELSE(a == 1, 1, 0)", "Write = to compare."),
        ("IF THEN ELSE(a != 1, 1, 0)", "Write <> for not equal."),
        ("IF(a > 1, 1, 0)", "Write IF THEN ELSE(."),
    ],
)
def test_slips_from_other_languages_are_told_what_to_write(slip: str, remedy: str) -> None:
    with pytest.raises(ModelError) as refused:
        lower(parse(f"a = 2 ~~|\nx = {slip} ~~|\n" + "TIME STEP = 1 ~~|\n", "m.mdl"))
    assert str(refused.value).endswith(remedy)
    assert str(refused.value).startswith("m.mdl:2:")


def test_a_merge_conflict_is_named_at_its_marker() -> None:
    text = "{UTF-8}\na =\n<<<<<<< HEAD\n 2 ~~|\n=======\n 3 ~~|\n>>>>>>> theirs\nb = a ~~|\n"
    with pytest.raises(ModelError, match=r"m\.mdl:3:1: a merge conflict is left in the file"):
        parse(text, "m.mdl")
    unread: list[Unreadable] = []
    read = parse(text, "m.mdl", unreadable=unread)
    assert [(d.name, d.at) for d in read.definitions] == [("a", text.index("a =")), ("b", text.index("b ="))]
    assert [str(u.error).partition(", ")[0] for u in unread] == [
        "m.mdl:3:1: a merge conflict is left in the file"
    ]
    parse("a = 2 ~~ <<<<<<< is no marker |\n", "m.mdl")


_OURS, _BASE, _RULE, _THEIRS = "<<<<<<< HEAD\n", "||||||| base\n", "=======\n", ">>>>>>> theirs\n"


@pytest.mark.parametrize(
    ("text", "kept", "starts"),
    [
        (f"a\n{_OURS}b\n{_BASE}c\n{_RULE}d\n{_THEIRS}e\n", "a b e", [2]),  # diff3
        (f"{_OURS}b\n{_RULE}c\n{_THEIRS}d\n{_OURS}e\n{_RULE}f\n{_THEIRS}", "b d e", [0, 42]),
        (f"a\n{_OURS}b\n{_OURS}c\n{_RULE}d\n{_THEIRS}", "a b c", [2, 17]),  # the first has lost its end
        (f"a\n{_RULE}b\n{_THEIRS}c\n", "a c", [2]),  # the first marker was removed
        (f"a\n{_THEIRS}c\n", "a c", [2]),
        (f"a\n{_OURS}c\n", "a c", [2]),
        (f"a\n{_RULE}c\n", "a ======= c", []),  # a rule in a comment
        (f"a\n{_OURS}b\n{_THEIRS}c\n".replace("\n", "\r\n"), "a b c", [3]),
    ],
)
def test_of_two_versions_the_first_is_read(text: str, kept: str, starts: list[int]) -> None:
    blanked, conflicts = settled(text)
    assert (len(blanked), blanked.count("\n")) == (len(text), text.count("\n"))
    assert " ".join(blanked.split()) == kept
    assert [c.start for c in conflicts] == starts
