"""Image files -> codes -> an index on disk; never imports torch.

Importing it refuses the reports of use that libraries send: each of them reads its variable when it is imported.
"""

from __future__ import annotations

import os

REFUSED = {
    # The official builds of ONNX Runtime (1.29 and later) keep and send what they are run for and on which machine.
    "ORT_DISABLE_TELEMETRY": "1",
    # timm fetches weights through it, with a report of its own at each request.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # https://donottrack.sh, heeded by huggingface_hub and others.
    "DO_NOT_TRACK": "1",
}


def send_nothing() -> None:
    """Refuse reports of use, for this process and for all that it starts, whatever the environment said before."""
    os.environ.update(REFUSED)


send_nothing()
