"""The errors that people see, each one clear sentence: what, where, what to do.

LatentsearchError              1  anything below
├── InputError                 2  something that was named is not there or does not fit (as click's own usage errors)
│   └── UnreadableImage        3  a picture cannot be used; its reason says why
├── EncoderError               4  a bundle is missing, damaged, or another than the index was made with
├── IndexStateError            5  an index is missing or empty
│   ├── DamagedIndex           6  an index's files contradict one another
│   └── LockedIndex            7  another process is writing to the index
├── MissingExtra               8  an optional dependency is missing, or two exclude each other
├── TrainingError              9  a training run collapsed or diverged
└── TransferError             10  a download failed or its hash does not fit

The number is the command line's exit code; 130 is Ctrl-C.
"""


class LatentsearchError(Exception):
    """The base of every error that latentsearch raises on purpose."""

    exit_code = 1


class InputError(LatentsearchError):
    """Something that was named is not there or does not fit."""

    exit_code = 2


class UnreadableImage(InputError):
    """A picture cannot be used.

    may_pass: whether the circumstances are the reason (a permission, a missing extra, a drive that stalls) and not the
    file's content, so that every run tries it again.
    """

    exit_code = 3

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class EncoderError(LatentsearchError):
    """An encoder bundle is missing, damaged, or another than the index was made with."""

    exit_code = 4


class IndexStateError(LatentsearchError):
    """An index is missing or empty."""

    exit_code = 5


class DamagedIndex(IndexStateError):
    """An index's files contradict one another."""

    exit_code = 6


class LockedIndex(IndexStateError):
    """Another process is writing to the index."""

    exit_code = 7


class MissingExtra(LatentsearchError):
    """An optional dependency is missing, or two that exclude each other are installed."""

    exit_code = 8


class TrainingError(LatentsearchError):
    """A training run collapsed or diverged."""

    exit_code = 9


class TransferError(LatentsearchError):
    """A download failed or its hash does not fit."""

    exit_code = 10
