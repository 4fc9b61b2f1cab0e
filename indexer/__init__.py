"""Builds and reads an index of images: files are encoded as codes and stored on disk. Never imports torch.

Importing this package turns off the telemetry of other libraries, which read these variables when they are imported.
"""

from __future__ import annotations

import os

REFUSED = {
    # The official builds of ONNX Runtime, from 1.29, record and send what they run and on which machine.
    "ORT_DISABLE_TELEMETRY": "1",
    # timm downloads weights through huggingface_hub, which sends telemetry with each request.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # https://donottrack.sh, respected by huggingface_hub and other libraries.
    "DO_NOT_TRACK": "1",
}


def send_nothing() -> None:
    """Turn off telemetry for this process and its children, overriding the environment."""
    os.environ.update(REFUSED)


send_nothing()
