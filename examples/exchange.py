"""A small exchange as a topology: orders are matched by symbol, in shards, and fills watched.

    headrace draw examples/exchange.py:topology --output docs/topology.svg
    python examples/exchange.py --save build/orders.npy
    headrace run examples/exchange.py:topology --input build/orders.npy --output build/fills.csv
"""

from __future__ import annotations

import argparse
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr

# An order to buy (lots > 0) or to sell (lots < 0) at a price, in cents, or a better one.
ORDER = np.dtype([("symbol", "S8"), ("price", "<i4"), ("lots", "<i4")])
FILL = np.dtype([("symbol", "S8"), ("price", "<i4"), ("lots", "<i4"), ("taker", "<i8")])
TURNOVER = np.dtype([("symbol", "S8"), ("cents", "<i8")])
POSITION = np.dtype([("symbol", "S8"), ("lots", "<i8")])
LOTS_MAX = 1000  # of one order
POSITION_MAX = 60  # lots of a symbol that may have been bought more than sold, or the other way


@hr.machine(event=ORDER, output=ORDER, initial=int)
def parse(refused: int, event: Any) -> tuple[int, Any]:
    """Lets through what is an order; its state counts the others."""
    if not event.symbol or event.price <= 0 or not 0 < abs(event.lots) <= LOTS_MAX:
        return refused + 1, None
    return refused, (event.symbol, event.price, event.lots)


@hr.machine(event=ORDER, output=FILL, initial=dict)
def match(books: dict[bytes, Any], event: Any) -> tuple[dict[bytes, Any], Any]:
    """Fills an order from what waits on the other side, best price first; what is left waits."""
    bids, asks = books.setdefault(event.symbol, ([], []))
    side = 1 if event.lots > 0 else -1
    own, others = (bids, asks) if side > 0 else (asks, bids)
    left, fills = abs(event.lots), []
    # On both sides the best price is the smallest key: an ask has its price, a bid minus that.
    while left and others and others[0][0] <= side * event.price:
        key, number, lots = heappop(others)
        traded = min(left, lots)
        fills.append((event.symbol, abs(key), side * traded, event.sequence))
        left -= traded
        if lots > traded:
            heappush(others, (key, number, lots - traded))
    if left:
        heappush(own, (-side * event.price, event.sequence, left))
    return books, fills


@hr.machine(event=FILL, output=TURNOVER, initial=dict)
def report(turnover: dict[bytes, int], event: Any) -> tuple[dict[bytes, int], Any]:
    """The turnover of each symbol."""
    cents = turnover[event.symbol] = (
        turnover.get(event.symbol, 0) + event.price * abs(event.lots)
    )
    return turnover, (event.symbol, cents)


@hr.machine(event=FILL, output=POSITION, initial=dict)
def risk(positions: dict[bytes, int], event: Any) -> tuple[dict[bytes, int], Any]:
    """How many lots of each symbol were bought by those who came, less those sold."""
    lots = positions[event.symbol] = positions.get(event.symbol, 0) + event.lots
    return positions, (event.symbol, lots)


@hr.machine(event=POSITION, output=POSITION, initial=int)
def alert(alerts: int, event: Any) -> tuple[int, Any]:
    """Lets through positions that are too large; its state counts them."""
    if abs(event.lots) <= POSITION_MAX:
        return alerts, None
    return alerts + 1, (event.symbol, event.lots)


topology = parse >> hr.shard(match, by="symbol", n=4) >> hr.fanout(report, hr.chain(risk, alert))


def orders(count: int, seed: int = 5) -> np.ndarray[Any, Any]:
    """Orders by chance; a few of them are none."""
    random = np.random.default_rng(seed)
    made = np.zeros(count, ORDER)
    made["symbol"] = random.choice([b"AAPL", b"MSFT", b"NVDA", b"AMZN", b"TSLA", b"META"], count)
    made["price"] = 10_000 + random.integers(-20, 21, count)
    made["lots"] = random.integers(-9, 10, count)
    return made


def main() -> None:
    """Write orders to a file."""
    parser = argparse.ArgumentParser(description="Orders for the exchange.")
    parser.add_argument("--save", type=Path, required=True, metavar="FILE", help="a .npy")
    parser.add_argument("--orders", type=int, default=10_000, metavar="N")
    options = parser.parse_args()
    options.save.parent.mkdir(parents=True, exist_ok=True)
    np.save(options.save, orders(options.orders))
    print(f"written: {options.save}")


if __name__ == "__main__":
    main()
