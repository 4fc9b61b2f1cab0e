"""An interactive cloud of 3-d points as one self-contained HTML file, without libraries or downloads."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ margin: 0; font: 15px system-ui, sans-serif; color: #222; background: #fff }}
  h1 {{ font-size: 18px; margin: 12px 16px 4px }} p {{ margin: 0 16px 8px }}
  canvas {{ display: block; width: 100vw; height: calc(100vh - 110px); cursor: grab; touch-action: none }}
  button {{ border: 0; background: none; font: inherit; padding: 2px 8px; cursor: pointer }}
  button[aria-pressed=false] {{ opacity: .25 }}
  i {{ display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 4px }}
</style>
<h1>{title}</h1>
<p>{text} Drag to rotate, scroll to zoom, click a digit to hide it. <span id="legend"></span></p>
<canvas id="cloud"></canvas>
<script>
const colours = {colours};
const bytes = code => Uint8Array.from(atob(code), letter => letter.charCodeAt(0));
const points = new Int8Array(bytes("{points}").buffer), labels = bytes("{labels}");
const canvas = document.getElementById("cloud"), pen = canvas.getContext("2d");
const shown = colours.map(() => true), order = [...labels.keys()], depth = new Float32Array(labels.length);
let around = 0.6, above = 0.4, zoom = 1, held = null, moved = 0;

function draw() {{
  const scale = devicePixelRatio, width = canvas.clientWidth * scale, height = canvas.clientHeight * scale;
  if (canvas.width !== width || canvas.height !== height) {{ canvas.width = width; canvas.height = height; }}
  pen.fillStyle = "#fff"; pen.fillRect(0, 0, width, height);
  const [ca, sa, cb, sb] = [Math.cos(around), Math.sin(around), Math.cos(above), Math.sin(above)];
  const size = Math.min(width, height) * 0.34 * zoom;
  const turn = (x, y, z) => {{
    const across = ca * x + sa * z, away = ca * z - sa * x;
    const up = cb * y - sb * away, far = sb * y + cb * away, near = 4 / (4 + far);
    return [width / 2 + size * near * across, height / 2 - size * near * up, far, near];
  }};
  pen.strokeStyle = "#ccc"; pen.lineWidth = scale; pen.beginPath();
  for (const [a, b] of edges) {{
    const from = turn(...a), to = turn(...b); pen.moveTo(from[0], from[1]); pen.lineTo(to[0], to[1]);
  }}
  pen.stroke();
  const placed = order.map(n => [n, ...turn(points[3 * n] / 127, points[3 * n + 1] / 127, points[3 * n + 2] / 127)]);
  placed.sort((a, b) => b[3] - a[3]);
  for (const [n, x, y, far, near] of placed) {{
    if (!shown[labels[n]]) continue;
    const radius = 2 * scale * near;
    pen.globalAlpha = Math.max(0.3, Math.min(1, 0.75 - far * 0.3)); pen.fillStyle = colours[labels[n]];
    pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  }}
  pen.globalAlpha = 1;
}}
const corners = [-1, 1].flatMap(x => [-1, 1].flatMap(y => [-1, 1].map(z => [x, y, z])));
const edges = corners.flatMap((a, i) => corners.slice(i + 1).filter(b => a.filter((v, k) => v !== b[k]).length === 1)
  .map(b => [a, b]));
canvas.onpointerdown = event => {{ held = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); }};
canvas.onpointerup = () => {{ held = null; }};
canvas.onpointermove = event => {{
  if (!held) return;
  around += (event.clientX - held[0]) / 150; above += (event.clientY - held[1]) / 150;
  held = [event.clientX, event.clientY]; draw();
}};
canvas.onwheel = event => {{ event.preventDefault(); zoom *= Math.exp(-event.deltaY / 800); draw(); }};
colours.forEach((colour, digit) => {{
  const button = document.createElement("button");
  button.innerHTML = `<i style="background:${{colour}}"></i>${{digit}}`; button.ariaPressed = "true";
  button.onclick = () => {{ shown[digit] = !shown[digit]; button.ariaPressed = String(shown[digit]); draw(); }};
  document.getElementById("legend").append(button);
}});
addEventListener("resize", draw);
draw();
</script>
</html>
"""


def cloud_page(points: NDArray[Any], labels: NDArray[np.uint8], title: str, text: str) -> str:
    """Points (n, 3) in [-1, 1] with labels 0 to 9 as an HTML page; coordinates are rounded to 1/127."""
    whole = np.rint(np.clip(points.astype(np.float32), -1, 1) * 127).astype(np.int8)
    return PAGE.format(
        title=title,
        text=text,
        colours=json.dumps(COLOURS),
        points=base64.b64encode(whole.tobytes()).decode(),
        labels=base64.b64encode(labels.astype(np.uint8).tobytes()).decode(),
    )
