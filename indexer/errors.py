"""The errors shown to users, each one clear sentence: what happened, where, and what to do.

LatentsearchError              1  base of all errors below
├── InputError                 2  an argument names something missing or unsuitable (also click's usage errors)
│   └── UnreadableImage        3  a picture cannot be used; the message gives the reason
├── EncoderError               4  a bundle is missing, damaged, or not the one the index was made with
├── IndexStateError            5  an index is missing, empty, or made by a newer version
│   ├── DamagedIndex           6  an index's files are damaged or contradict one another
│   └── LockedIndex            7  another process is writing to the index
├── MissingExtra               8  an optional dependency is missing, or two of them conflict
├── TrainingError              9  a training run collapsed or diverged
└── TransferError             10  a download failed or its hash does not match

The number is the command line's exit code; 130 means Ctrl-C.
"""


class LatentsearchError(Exception):
    """Base class of all errors that latentsearch raises on purpose."""

    exit_code = 1


class InputError(LatentsearchError):
    """An argument names something missing or unsuitable."""

    exit_code = 2


class UnreadableImage(InputError):
    """A picture cannot be used.

    may_pass: whether the cause lies outside the file (a permission, a missing extra, a stalled drive), so that every
    run tries the file again.
    """

    exit_code = 3

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class EncoderError(LatentsearchError):
    """An encoder bundle is missing, damaged, or not the one that the index was made with."""

    exit_code = 4


class IndexStateError(LatentsearchError):
    """An index is missing, empty, or made by a newer version."""

    exit_code = 5


class DamagedIndex(IndexStateError):
    """An index's files are damaged or contradict one another."""

    exit_code = 6


class LockedIndex(IndexStateError):
    """Another process is writing to the index."""

    exit_code = 7


class MissingExtra(LatentsearchError):
    """An optional dependency is missing, or two conflicting ones are installed."""

    exit_code = 8


class TrainingError(LatentsearchError):
    """A training run collapsed or diverged."""

    exit_code = 9


class TransferError(LatentsearchError):
    """A download failed or its hash does not match."""

    exit_code = 10
