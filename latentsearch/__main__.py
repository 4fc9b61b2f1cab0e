"""Run the command line with `python -m latentsearch`."""

from latentsearch.cli import main

if __name__ == "__main__":
    main(prog_name="latentsearch")
