# SPDX-License-Identifier: GPL-2.0-or-later
"""Bars in groups, as SVG."""

WIDTH, ROW, LEFT, TOP = 900, 15, 130, 60
COLORS = ["#2b6cb0", "#a0aec0", "#718096", "#d69e2e", "#38a169"]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bars(file, title, unit, series, groups):
    """series: names; groups: [(label, [value or None for each series])]."""
    top = max((v for _, values in groups for v in values if v is not None), default=1) or 1
    height = TOP + len(groups) * (len(series) * ROW + 12) + 20
    scale = (WIDTH - LEFT - 80) / top
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' % (WIDTH, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="15">%s</text>' % escape(title)]
    for i, name in enumerate(series):
        x = LEFT + i * 150
        out.append('<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="41">%s</text>'
                   % (x, COLORS[i % len(COLORS)], x + 14, escape(name)))
    y = TOP
    for label, values in groups:
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + len(series) * ROW / 2 + 4, escape(label)))
        for i, value in enumerate(values):
            if value is not None:
                out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%.4g %s</text>'
                           % (LEFT, y, max(value * scale, 1), ROW - 2, COLORS[i % len(COLORS)], LEFT + value * scale + 4, y + ROW - 4,
                              value, unit))
            y += ROW
        y += 12
    out.append("</svg>")
    with open(file, "w") as f:
        f.write("\n".join(out) + "\n")
