"""The program ``flows``, and ``python -m flows``, which does the same."""

import sys


def main() -> int:
    """Run the command line; an interruption is told in one word from the first import on.

    Returns
    -------
    int
        The exit code.
    """
    try:
        from flows.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
