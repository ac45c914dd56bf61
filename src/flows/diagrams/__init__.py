"""Stock-and-flow diagrams: drawn from a file's own sketch, and laid out where the file has none."""
