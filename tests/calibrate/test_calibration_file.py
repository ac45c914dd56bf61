"""The calibration file: what is wrong in it is said with file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows
from flows.calibrate.space import Space
from flows.calibrate.targets import targets
from flows.errors import InputError
from flows.inputs.calibration import MOST_FREE, Calibration, read_calibration


def _read(text: str, folder: Path, old: str, new: str) -> Calibration:
    assert old in text
    path = folder / "calibration.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return read_calibration(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('fit_until = "2015-12"', 'fit_until = "2015"', r"not a month.*2015"),
        ('span = "month"', 'span = "week"', r'\[\[series\]\] 1, key "span".*one of the choices.*week'),
        ('counts = "person"', "", r'\[\[series\]\] 1.*"counts" is missing'),
        ('expression = "coming[Haiti]"', 'expression = "coming[Haiti] +"', r"operand is missing at the end"),
        ('name = "people from Cuba"', 'name = "people from Haiti"', r'"people from Haiti" stands twice'),
        ("walkers = 12", "walkers = 11", r"even number, found 11"),
        ("walkers = 8", "walkers = 4", r'"walkers" must be at least 6'),
        ("draws = 20\n", "draws = 2000\n", r"more than there are states: 2000 of 96"),
        ('role = "check"', 'role = "chek"', r"role.*one of the choices"),
        ('elements = ["level[Cuba]"]', 'elements = ["pause"]', r'"pause" is set twice'),
        ('source = "a test"', "", r'\[\[fixed\]\] 1.*"source" is missing'),
        ('value = [100.0, 50.0]', "", r'needs "value", "held_out"'),
        ('value = [100.0, 50.0]', 'held_out = "hold"', r'"arithmetic" says how'),
        ('later_until = "2016-12"', "", r'"later_until" says'),
        ('later_until = "2016-12"', 'later_until = "2015-12"', r'"later_until" must lie after'),
        ('[quick]', "[quik]", r'the table \[quick\] is missing.*Did you mean "quik"'),
        ('distribution = "loguniform"', 'distribution = "beta"\na = 1.0\nb = 1.0', r"beta distribution has no use"),
        ('measure = "stock"', 'measure = "flow"', r"a flow needs a span of time"),
        ("floor = 5.0", 'first = "2015-02"\nlast = "2015-01"', r'"first" must not lie after "last", found 2015-02 and'),
        (
            'of = "scale"\ndistribution = "loguniform"\nmin = 0.2\nmax = 5.0',
            'of = "between"\nother = "pause"\ndistribution = "uniform"\nmin = 0.0\nmax = 1.0',
            r'a calibration knows of = "value" and of = "scale"',
        ),
        ('"level[Haiti]", "level[Cuba]"', '"level[Haiti]", "LEVEL[haiti]"', r'an element of "level" stands twice'),
        (
            'value = [100.0, 50.0]', 'held_out = "hold"\nheld_out_points = [[0.0, 1.0]]\narithmetic = "mean"',
            r'"held_out" and "held_out_points" exclude each other',
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named(file_text: str, tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        _read(file_text, tmp_path, old, new)
    assert "calibration.toml" in str(refusal.value)


def test_something_to_fit_and_something_to_fit_it_to(file_text: str, tmp_path: Path) -> None:
    begin, end = file_text.index("[[free]]"), file_text.index("[[split]]")
    path = tmp_path / "calibration.toml"
    path.write_text(file_text[:begin] + file_text[end:], encoding="utf-8")
    with pytest.raises(
        InputError, match=r"calibration.toml: a calibration needs at least one \[\[free\]\] table"
    ):
        read_calibration(path)
    path.write_text(file_text.replace('measure = "', 'role = "check"\nmeasure = "').replace(
        'measure = "flow"\nrole = "check"', 'measure = "flow"'), encoding="utf-8")  # fmt: skip
    with pytest.raises(InputError, match=r'at least one \[\[series\]\] table with role = "fit"'):
        read_calibration(path)
    many = [
        f'[[free]]\nname = "c{k}"\ndistribution = "uniform"\nmin = 0.0\nmax = 1.0\n'
        for k in range(MOST_FREE - 1)
    ]
    path.write_text(file_text[:begin] + "\n".join(many) + file_text[begin:], encoding="utf-8")
    with pytest.raises(
        InputError, match=rf"{MOST_FREE + 1} free constants are more .* expected at most {MOST_FREE}"
    ):
        read_calibration(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "pause"', 'name = "pose"', r'\[\[free\]\] 2.*no constant "pose"'),
        ('"intensity(20)"', '"intensity(21)"', r"no single point at 21"),
        ("max = 20.0", "max = 30.0", r"prior leaves the range.*1 to 30.*1 to 20"),
        ("value = [100.0, 50.0]", "value = [100.0]", r"another number of values.*found 1, expected 2"),
        ('name = "level"\nvalue', 'name = "pause"\nvalue', r"pause.*another number of values|scaled without a base"),
    ],
)  # fmt: skip
def test_what_the_model_lacks_is_named(
    file_text: str, tmp_path: Path, model: flows.Model, old: str, new: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Space(_read(file_text, tmp_path, old, new), model)


def test_series_and_variables_have_to_exist(
    file_text: str, tmp_path: Path, model: flows.Model, observed: object
) -> None:
    with pytest.raises(InputError, match=r"no group|no observed series|Peru"):
        targets(
            _read(file_text, tmp_path, 'series = "people coming[Haiti]"', 'series = "people coming[Peru]"'),
            model,
        )
    with pytest.raises(InputError, match="comming"):
        targets(
            _read(file_text, tmp_path, 'expression = "coming[Haiti]"', 'expression = "comming[Haiti]"'), model
        )


def test_the_shipped_file_fits_the_shipped_model() -> None:
    calibration = read_calibration()
    model = flows.read_vensim(calibration.model_path, units="off")
    space = Space(calibration, model)
    assert len(space.index("free")) <= 16
    found = targets(calibration, model)
    assert {target.series.counts for target in found.all} <= {"event", "person", "case"}
    assert all(target.ends.max() <= 120 + 1e-9 for target in found.all), "the fit sees data until 2022 alone"
    later = targets(calibration, model, after=calibration.fit_until, until=calibration.later_until)
    assert all(target.starts.min() >= 120 - 1e-9 for target in later.all)
    # no size dated after the fit is moved by it, and none of the fit is dated after it
    start = {
        str(n): t
        for n, t in zip(model.subscripts["Shock"].value, model.constants["shock start"].value, strict=True)
    }
    for parameter in (*calibration.shock, *calibration.later):
        for text in parameter.places:
            date = float(text.split("(")[1][:-1]) if "(" in text else start[text.split("[")[1].split(",")[0]]
            assert (date <= 120) == (parameter in calibration.shock), text
