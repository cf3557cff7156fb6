"""Write the table of docs/security.md from the committed results.

python -m tools.faults --json results/faults.json
python -m tools.faults.page
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "faults.json"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->"
FAULTS = ("ENOSPC", "full disk", "EIO", "EROFS", "lost", "killed")


def main() -> None:
    """Replace what stands between the marks."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table(rows)}{END}{after}", encoding="utf-8", newline="\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Return Markdown: for each command the trials of each fault, and how many broke a promise."""
    lines = [
        f"| command | calls | every | {' | '.join(FAULTS)} |",
        f"|{'---|' * (len(FAULTS) + 3)}",
    ]
    for row in rows:
        cells = [f"{row['trials'].get(f, 0)} ({row['failures'].get(f, 0)})" for f in FAULTS]
        lines.append(
            f"| {row['command']} | {row['calls']} | {row['stride']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
