"""Print the coverage of each package, after ``pytest --cov``.

``python -m tests.coverage_by_package``. There is no threshold: the figures show where tests are
missing, they do not prove that the rest is tested.
"""

from collections import defaultdict
from pathlib import PurePath

from coverage import Coverage

from cobranca.text_table import plain_table


def package_of(path: str) -> str:
    """``sources.drivers`` for a module of that folder, the module itself at the package's top."""
    parts = PurePath(path).with_suffix("").parts
    inner = parts[len(parts) - parts[::-1].index("cobranca") :]
    return ".".join(inner[:-1]) or inner[-1]


def by_package(coverage: Coverage) -> dict[str, tuple[int, int]]:
    """Executable lines and those that ran, by package."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path in coverage.get_data().measured_files():
        _, lines, _, missing, _ = coverage.analysis2(path)
        counts = found[package_of(path)]
        counts[0] += len(lines)
        counts[1] += len(lines) - len(missing)
    return {package: (lines, ran) for package, (lines, ran) in sorted(found.items())}


def main() -> None:
    coverage = Coverage()
    coverage.load()
    packages = by_package(coverage)
    lines, ran = (sum(counts) for counts in zip(*packages.values(), strict=True))
    packages["all"] = (lines, ran)
    rows = [
        (package, f"{lines:,}", f"{100 * ran / lines:.1f} %")
        for package, (lines, ran) in packages.items()
        if lines
    ]
    print(plain_table([("package", "lines", "covered"), *rows]))


if __name__ == "__main__":
    main()
