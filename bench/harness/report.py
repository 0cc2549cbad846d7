# SPDX-License-Identifier: Apache-2.0
"""The table and the verdicts, as text."""

COLUMNS = (
    ("IOPS", "iops", "{:,.0f}"),
    ("MB/s", "mb_s", "{:,.1f}"),
    ("CPU us/IO", "target_cpu_us", "{:.3f}"),
    ("p50 us", "p50", "{:.1f}"),
    ("p99 us", "p99", "{:.1f}"),
)


def cell(result, ours, metric, pattern):
    """The value, and behind it its ratio to scstd's."""
    value = pattern.format(result[metric])
    if ours is None or ours is result or not ours.get(metric):
        return value
    return f"{value} ({result[metric] / ours[metric]:.2f}x)"


def table_text(table, workloads):
    lines = []
    header = f"{'target':<9}" + "".join(f"{title:>20}" for title, _, _ in COLUMNS)
    header += f"{'load us/IO':>12}{'spread':>8}{'others':>8}"
    for workload in workloads:
        row = table[workload.name]
        ours = row.get("scstd")
        if ours is not None and "error" in ours:
            ours = None
        lines += ["", f"{workload.title}  [{workload.name}]", header]
        for name, result in row.items():
            if "error" in result:
                lines.append(f"{name:<9}  failed: {result['error']}")
                continue
            cells = "".join(f"{cell(result, ours, metric, pattern):>20}" for _, metric, pattern in COLUMNS)
            lines.append(f"{name:<9}{cells}{result['load_cpu_us']:>12.3f}{result['spread']:>8.0%}"
                         f"{result['others']:>7.1f}%")
    return "\n".join(lines)


def verdict_text(verdicts):
    words = {True: "PASS", False: "FAIL", None: "----"}
    return "\n".join(f"{words[v['passed']]}  {v['goal']}: {v['measured']}" for v in verdicts)
