"""python -m engine: the command line."""

from engine.cli.application import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
