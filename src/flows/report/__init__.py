"""Figures, tables and the HTML report, from results."""
