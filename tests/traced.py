"""Runs a command under strace: the paths that it changed, and its calls to sockets that are not local."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

STRACE = shutil.which("strace")
# Variables set by CI systems, some of which stop libraries from sending telemetry.
CI = re.compile(
    r"^(CI|CONTINUOUS_INTEGRATION|BUILD_.*|TF_BUILD|.*(GITHUB|GITLAB|TRAVIS|CIRCLE|APPVEYOR|JENKINS|AGENT).*)$"
)
REFUSALS = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MPLCONFIGDIR")
CALLS = (
    "%network,?open,openat,?openat2,?creat,?mkdir,mkdirat,?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir,"
    "?link,linkat,?symlink,symlinkat,truncate,?mknod,mknodat"
)
# The name service cache, which is asked for user names.
LOCAL = re.compile(r"AF_UNIX|AF_LOCAL")
NAMED = re.compile(r'sun_path="(?!/(?:var/)?run/nscd/)')


@dataclass(frozen=True)
class Trace:
    """The outcome of a command, the paths that it wrote, created or removed, and the calls that left the machine."""

    code: int
    stdout: str
    stderr: str
    changed: frozenset[str]
    sent: tuple[str, ...]

    def changed_outside(self, *folders: Path) -> set[str]:
        """Paths changed outside these folders; devices and the process's own entries in /proc do not count."""
        allowed = ("/dev", "/proc", *map(str, folders))
        return {path for path in self.changed if not any(_is_within(path, folder) for folder in allowed)}


def bare_environment(home: Path, scratch: Path) -> dict[str, str]:
    """A user's shell environment: this home, no CI variables, no telemetry opt-outs. Modules are compiled already."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not CI.match(name) and not name.startswith(("XDG_", "LATENTSEARCH_", "PYTEST_")) and name not in REFUSALS
    }
    return kept | {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}


def trace(command: list[str], environment: dict[str, str], logs: Path, seconds: float | None = None) -> Trace:
    """Run a command and its children under strace. seconds: after this time, send Ctrl-C."""
    assert STRACE is not None
    logs.mkdir()
    wrapped = ["timeout", "--signal=INT", str(seconds), *command] if seconds else command
    options = ["-ff", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(logs / "log")]
    done = subprocess.run(
        [STRACE, *options, *wrapped], cwd=logs, env=environment, capture_output=True, text=True, timeout=200
    )
    lines = [line for log in sorted(logs.iterdir()) for line in log.read_text(errors="replace").splitlines()]
    sent = tuple(line for line in lines if _leaves(line))
    return Trace(
        done.returncode,
        done.stdout,
        done.stderr,
        frozenset(path for line in lines for path in _changed(line, logs)),
        sent,
    )


def _leaves(line: str) -> bool:
    """Whether a call opens or uses a non-local socket, or asks a local service that may."""
    name = line.partition("(")[0]
    if name in ("socket", "socketpair"):
        return not LOCAL.search(line)
    return name in ("connect", "sendto", "sendmsg", "sendmmsg") and bool(
        re.search(r"sa_family=(?!AF_UNIX|AF_UNSPEC)", line) or NAMED.search(line)
    )


def _changed(line: str, working: Path) -> list[str]:
    """The paths that a call wrote, created or removed."""
    name, _, rest = line.partition("(")
    if line.rpartition(" = ")[2].startswith(("-1", "?")):
        return []
    if name in ("open", "openat", "openat2") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", rest):
        return []
    if name not in CALLS.replace("?", "").split(","):
        return []
    # A path is relative to the folder named before it, if any. Link targets are left unchanged.
    found = re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', rest)
    paths = [os.path.normpath(os.path.join(folder or working, path)) for folder, path in found]
    return paths if name.startswith("rename") else paths[-1:]


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
