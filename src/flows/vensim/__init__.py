"""Vensim's file formats: text → syntax tree → model."""
