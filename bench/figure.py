"""Draw what bench.reranker saved: python -m bench.figure bench/results/reranker.json docs/engine.svg"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from xml.sax.saxutils import escape

BAR, GAP, LEFT, WIDTH = 22, 28, 170, 720
COLOURS = {"ours": "#1f5fbf"}


def draw(report: dict[str, object]) -> str:
    """Pairs per second of every system, a block for each case, on one scale."""
    systems = report["systems"]
    assert isinstance(systems, dict)
    measured = {name: system["cases"] for name, system in systems.items() if "cases" in system}
    cases = list(next(iter(measured.values())))
    most = max(system[case]["pairs_per_second"] for system in measured.values() for case in cases)
    parts: list[str] = []
    y = 30
    for case in cases:
        parts.append(f'<text x="0" y="{y}" font-weight="600">{escape(case)}</text>')
        y += 10
        for name, system in measured.items():
            rate = system[case]["pairs_per_second"]
            width = (WIDTH - LEFT - 110) * rate / most
            parts.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 4}" fill="{COLOURS.get(name, "#8a929c")}"/>')
            parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 15}">{rate:.1f} pairs/s</text>')
            y += BAR
        y += GAP
    head = f"{report['shape']} shape, {report['dtype']}, {report['threads']} thread(s), texts of {report['texts']}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="system-ui, sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="#fff"/><text x="0" y="12" fill="#5b626b">{escape(head)}</text>{"".join(parts)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("figure", type=Path)
    args = parser.parse_args()
    args.figure.write_text(draw(json.loads(args.report.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
