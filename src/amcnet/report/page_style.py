"""How a report page looks: light, dark and on paper."""

STYLE = """
:root { color-scheme: light dark; --text: #1b1f23; --faint: #57606a; --line: #d0d7de;
  --back: #ffffff; --box: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --faint: #9aa4ad; --line: #3a424a; --back: #14181c; --box: #1e242a; }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; color: var(--text); background: var(--back); }
h1 { font-size: 1.5rem; margin-bottom: 0.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
figure { margin: 1rem 0; }
figcaption, .note, caption { color: var(--faint); text-align: left; }
img { max-width: 100%; max-height: 90vh; border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.5rem; border-bottom: 1px solid var(--line); text-align: right; }
thead th { vertical-align: bottom; }
th[scope=row], .word { text-align: left; }
tbody th { font-weight: normal; }
.absent th, .absent td { color: var(--faint); }
.making td { text-align: left; overflow-wrap: anywhere; }
.making th { white-space: nowrap; vertical-align: top; }
.notice { background: var(--box); border-left: 4px solid #0072b2; padding: 0.5rem 0.8rem; }
.badge { color: #000000; border-radius: 3px; padding: 0 0.4em; font-weight: 600; }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px;
  margin-right: 0.5em; }
.badge, .swatch { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.findings { list-style: none; padding-left: 0; }
.findings li { margin: 0.25rem 0; }
@media print {
  :root { color-scheme: light; --text: #000000; --faint: #444444; --line: #cccccc;
    --back: #ffffff; --box: #ffffff; }
  body { margin: 0; max-width: none; font-size: 9.5pt; }
  .wide { overflow: visible; }
  img { max-height: 22cm; }
  tr, figure, .findings li { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
