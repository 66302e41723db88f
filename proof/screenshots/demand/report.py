"""The report of the night: which products sell."""

import csv
import io
from pathlib import Path
from typing import TypedDict


class Report(TypedDict):
    """The report.

    Attributes:
        table: The sums, largest first.
        products: How many there are.
    """

    table: Path
    products: int


def report(sales: Path, currency: str = "EUR") -> Report:
    """Sum the sales of each product.

    Args:
        sales: A table with the columns product, units and price.
        currency: Written beside the sums.
    """
    sums: dict[str, float] = {}
    for row in csv.DictReader(io.StringIO(sales.read_text())):
        sums[row["product"]] = sums.get(row["product"], 0) + int(row["units"]) * float(row["price"])
    ranked = sorted(sums.items(), key=lambda item: -item[1])
    print(f"{len(ranked)} products, the first is {ranked[0][0]}")
    target = Path("report.csv")
    lines = ["product,revenue", *(f"{name},{value:.2f} {currency}" for name, value in ranked)]
    target.write_text("\n".join(lines) + "\n")
    return {"table": target, "products": len(ranked)}
