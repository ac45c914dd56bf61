"""Figures, tables and the HTML report, from results.

Figures: `style` is what all share, `figures` draws outcomes over time, `indices` and `drivers` what a study found,
`ranked` levers and answers, `fits` a validation, `calibration` a posterior. Tables: `tables`, `rows` and `workbook`.
Words: `wording` makes sentences of numbers, `speech` says them in another language. Folders of results: `results`. The
report: `data` is everything shown, `html` the page, with `pictures`, `downloads`, `grade` and `standing`; `build`
makes the whole. `validation` is the page of `flows validate`, `book` the model book.
"""
