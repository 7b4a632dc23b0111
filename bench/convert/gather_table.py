"""Sets the outputs of bench_gather and gather_torch.py side by side: gather_table.py OURS TORCH."""
import sys


def read(path):
    with open(path) as handle:
        return {row[0]: [float(cell) for cell in row[1:]] for row in (line.rstrip("\n").split("\t") for line in handle)}


ours, torch = read(sys.argv[1]), read(sys.argv[2])
print("| view | MB | tensorvet, median | torch, median | torch / tensorvet |")
print("|---|---|---|---|---|")
for name, (size, _, middle) in ours.items():
    theirs = torch[name][2]
    print(f"| {name} | {size / 1e6:.0f} | {middle:.3f} s | {theirs:.3f} s | {theirs / middle:.1f} |")
