"""`python -m latentsearch`: the same as the command `latentsearch`."""

from latentsearch.cli import main

if __name__ == "__main__":
    main(prog_name="latentsearch")
