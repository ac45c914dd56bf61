"""Files spoilt on purpose: words, bytes, whole files and members of archives, the same for the same seed."""

from __future__ import annotations

import io
import random
import re
import warnings
import zipfile
from collections.abc import Sequence

WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
PIECES: tuple[str, ...] = (
    "0", "-1", "1e308", "1e999", "1e-320", "nan", "-inf", "9" * 400, "9" * 5000, "0x10", "1_000", "\u0663", "\u00bd",
    "2013-13", "2030-02-31", "0000-00", "99999-01", "1e400.5", "1.5e+999", "1e" + "9" * 30, "1979-05-27T07:32:00Z",
    "''", '""', '"', "'", '"""', "[", "]", "[[", "]]", "[[lever]]", "{", "}", "{}", "[]", "= ", "== ",
    ",", ",,,,", ";", "\t", "\r", "\r\n", "\n\n", "#", "@", "|", "~", ":", "::", "+", "-", "*", "/", "^",
    "(", ")", "((((((((", "))))", "true", "false", "null", "None", "name", "name = 1\n", "value = []\n",
    "\\", "\\\n", "\\u0000", "\\n", "\0", "\ufeff", "\u2028", "\x85", "\x1a", "\U0001f600", "\u0130", "a" * 5000,
    "\u202e", "\u2066", "\u200b", "e\u0301", "\u0000", "\ud800", "\uffff",
    "=HYPERLINK(1)", "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1",
    "../../etc/passwd", "..\\..\\x", "C:\\Windows\\x", "/dev/null", "/dev/stdin", "file:///x", "\\\\host\\share",
    "CON", "NUL.csv", "COM1", "a/b", "x.", " x ", ".", "..", "?x.csv",
    "</script>", "<script>", "]]>", "&amp;", "&x;", "{{7*7}}", "${x}", "%(x)s", "%n%s", "`x`", "$(x)",
    "__import__('os').system('x')", "__class__", "constructor", "__proto__",
    "COMAR pending cases", "[Haiti]", "[*]", "[a,b,c]",
)  # fmt: skip
"""What is put in: numbers, dates and signs at the edge of a format, names of paths, devices and formulas, scripts."""

OF_MODELS: tuple[str, ...] = (
    "(", ")", "((((((((", "))))", "[", "]", "!", ":EXCEPT:", ":NA:", ":NOT:", ":AND:", "->", "<->", ":", "=", "==",
    "{", "}", '"', "'", "|", "~", "~~|\n", ",", ";", "1e308", "-", "^", "\\\n", "\u00a0", "\u017f", "\u0130",
    "__import__('os')", "lambda", "SUM(", "VECTOR SELECT(", "DELAY N(", "SMOOTH3(", "SAMPLE IF TRUE(", "INTEG(",
    "INITIAL(", "DELAY FIXED(", "WITH LOOKUP(", "TABBED ARRAY(", "RANDOM LOOKUP(", "RANDOM PINK NOISE(",
    "VECTOR ELM MAP(", "ALLOCATE AVAILABLE(", "GET DATA MEAN(", "LOOKUP AREA(", "GET XLS DATA('a','b','c','d')",
    "TIME SHIFT(", "DELAY MATERIAL(", ":MACRO:", ":END OF MACRO:", "Time", "TIME STEP", "****\n.g\n****~|", ":IS: 'x'",
    ":RAW:", "(a1-a99)", "0", "\\\\\\---///", "\r", "\n:L\x7f<%^E!@\n15:0,0,0,1\n",
    "(A1-A999999999)", "(A9-A1)", "1e-300", "1e12", "FINAL TIME = 1e12 ~~|\n", "TIME STEP = 1e-300 ~~|\n",
    "SAVEPER = 0 ~~|\n", "INITIAL TIME = 1e300 ~~|\n", "TIME STEP = Time ~~|\n", "FINAL TIME = FINAL TIME + 1 ~~|\n",
    "R : R ~~|\n", "[0,1,2,3]", "((0,0),(0,1))", "((1e308,-1e308),(-1e308,1e308))", "EXP(1e9)", "0/0", "(-8)^(1/3)",
    "'../../../x.csv'", "'/etc/passwd'", '"a \\" b"', '"\u202eabc"', "POWER(", "MODULO(", "QUANTUM(", "GAME(",
)  # fmt: skip
"""What is put into models besides."""

_OF_XML: tuple[str, ...] = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>', "&c;",
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;",
    '<dimension ref="A1:XFD1048576"/>', '<row r="1048576">', '<c r="XFD1048576"><v>1</v></c>', '<c r="A99999999">',
    '<c t="s"><v>99999999</v></c>', '<c t="s"><v>-1</v></c>', "<f>WEBSERVICE(1)</f>", "<v>1e999</v>", "<v/>",
    'table:number-columns-repeated="16384"', 'table:number-rows-repeated="1048576"', "<eqn>", "</eqn>", "<![CDATA[",
    "<module/>", '<gf><yscale min="0" max="1"/><ypts>1,2</ypts></gf>', "<dt>1e-300</dt>", "<a>" * 3000,
)  # fmt: skip


def spoilt(
    content: bytes, chance: random.Random, others: tuple[bytes, ...], pieces: Sequence[str] = PIECES
) -> bytes:
    """Spoil a file: members of an archive where it is one, words, bytes or all of it elsewhere."""
    if content[:2] == b"PK" and chance.random() < 0.85:
        return _spoilt_archive(content, chance)
    if chance.random() < 0.15 or b"\0" in content:
        return spoilt_bytes(content, chance)
    texts = [_text(other) for other in others]
    made = spoilt_words(_text(content), chance, texts, pieces)
    return _wholly(made, chance) if chance.random() < 0.15 else _bytes(made)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def spoilt_words(text: str, chance: random.Random, others: Sequence[str], pieces: Sequence[str]) -> str:
    """Take words out, double or exchange them, put in pieces, and blocks or parts of other texts."""
    words = WORDS.findall(text)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 16))):
        if not words:
            break
        at = chance.randrange(len(words))
        until = at + chance.choice((1, 1, 2, 5, 20, 50))
        match chance.randrange(8):
            case 0:
                del words[at:until]
            case 1 | 2:
                words.insert(at, chance.choice(pieces))
            case 3:
                words[at:until] = words[at:until] * chance.choice((2, 3, 50, 200))
            case 4:
                other = chance.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case 5:
                block = chance.choice(others)
                start = chance.randrange(len(block) + 1)
                words.insert(at, block[start : start + chance.choice((20, 200, 2000))])
            case 6:
                words.insert(0, chance.choice(others)[:4000] + "|\n")
            case _:
                words[at] = chance.choice((chance.choice(words), chance.choice(pieces)))
    return "".join(words)


def spoilt_bytes(content: bytes, chance: random.Random) -> bytes:
    """Change, cut off, put in or take out bytes."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 64))):
        if not made:
            break
        at = chance.randrange(len(made))
        match chance.randrange(4):
            case 0:
                made[at] = chance.randrange(256)
            case 1:
                del made[at:]
            case 2:
                made[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 4, 100))))
            case _:
                del made[at : at + chance.choice((1, 4, 100))]
    return bytes(made)


def _wholly(text: str, chance: random.Random) -> bytes:
    """Something that is done to all of a text: its coding, its line ends, its depth, its length."""
    match chance.randrange(12):
        case 0:
            return b"\xef\xbb\xbf" * chance.choice((1, 2)) + _bytes(text)
        case 1:
            return text.encode(chance.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32")), "replace")
        case 2:
            return text.encode(chance.choice(("latin-1", "cp1252", "cp437", "shift_jis")), "replace")
        case 3:
            return _bytes(text.replace("\n", chance.choice(("\r", "\r\n", "\n\r", "\x85", "\u2028", " "))))
        case 4:
            return _bytes("".join(c if c != "\n" else chance.choice(("\r", "\r\n", "\n")) for c in text))
        case 5:
            at = chance.randrange(len(text) + 1)
            deep = chance.choice(
                ("(", "[", "{", "[[", "a.", "-", "((1+", "x[", "MAX(1,", '{"a":', "= [", "<a>", "\\")
            )
            return _bytes(text[:at] + deep * chance.choice((200, 3000, 30_000)) + text[at:])
        case 6:
            return _bytes(text * chance.choice((2, 30)))
        case 7:
            at = chance.randrange(len(text) + 1)
            return _bytes(text[:at] + chance.choice("ax0 ,;\t\"'|~\n(") * 200_000 + text[at:])
        case 8:
            return _bytes(text.swapcase())
        case 9:
            return _bytes(
                text.replace(chance.choice((" ", "=", ",", "\n", '"', "1")), chance.choice(PIECES[:40]))
            )
        case 10:
            return b""
        case _:
            return chance.choice(
                (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x7fELF", b"\x80\x04")
            ) + _bytes(text)


def _spoilt_archive(content: bytes, chance: random.Random) -> bytes:
    """Spoil members of an archive, leave one out, or add what no archive should hold."""
    stream = io.BytesIO()
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        warnings.simplefilter("ignore")  # of names that stand twice
        names = old.namelist()
        chosen = chance.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                match chance.randrange(10):
                    case 0:
                        continue
                    case 1:
                        new.writestr(name, b"<a>" + b" " * chance.choice((10**6, 3 * 10**7)) + b"</a>")
                        continue
                    case 2:
                        new.writestr("../../" + name, data)
                    case 3:
                        new.writestr(name, data)
                    case 4 | 5:
                        data = spoilt_bytes(data, chance)
                    case _:
                        data = _bytes(spoilt_words(_text(data), chance, [_text(data)], PIECES + _OF_XML * 3))
            new.writestr(name, data)
    made = bytearray(stream.getvalue())
    if chance.random() < 0.1:  # a length, a method or a flag of an entry
        at = made.find(b"PK\x01\x02", chance.randrange(len(made)))
        if at >= 0:
            made[at + chance.randrange(8, 30)] ^= 1 << chance.randrange(8)
    return bytes(made)
