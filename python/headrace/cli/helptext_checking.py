"""The texts of `--help` of the commands that check histories and systems."""

from __future__ import annotations

from .helptext import paragraphs

LINEARIZABLE = paragraphs(
    r"""
    Check whether what clients saw of a system is what a machine could have answered, one operation
    at a time, each at some moment between its call and its return.

    [bold]File.[/] JSON lines, one for each operation, in any order; a dash is stdin:

    [cyan]{"client": 1, "call": 2, "return": 3, "input": \[4, 5], "output": null, "status": "ok"}[/]

    The input is an event: an object by field name, an array in the order of the fields, or a
    scalar. The output is null, one record (an object by field name, or a scalar), or an array of
    records, each of these or an array in the order of the fields. Times are numbers of one clock.
    Status is ok; fail, it took no effect; or info, it may take effect at any time after its call,
    or never: then return may be null, and the output does not count.

    [bold]--partition[/] names the field of the input by which the history falls into parts that do
    not touch each other, such as the key of a store. That is far quicker.

    [bold]--consistency sequential[/] asks for less: one order that each client kept to, whatever
    the times between clients.

    [bold]--html[/] and [bold]--svg[/] draw the history in time: a lane for each client, the order
    as numbers, and what cannot follow in red. A long history is cut to the stretch around that.

    [bold]Exit code.[/] 0: ok. 1: bad; the longest prefix is shown, the operation that cannot
    follow, and the states there. 2: wrong use or bad input. 3: unknown, because it was not decided
    within the time limit.

    [green]headrace linearizable history.jsonl --model registers.py:registers --partition key[/]
    """
)

ANOMALIES = paragraphs(
    r"""
    Find what went wrong between transactions that append to lists and read them, name it, show the
    shortest cycle of each kind, and say which consistency models it rules out.

    [bold]File.[/] JSON lines, one for each transaction (here it is broken), in any order;
    a dash is stdin:

    [cyan]{"client": "a", "call": 1, "return": 2, "status": "ok",[/]
    [cyan] "input": \[["append", "x", 1], ["read", "y", null]],[/]
    [cyan] "output": \[["append", "x", 1], ["read", "y", \[2, 3]]]}[/]

    The output is the input with what was read; null, if the input has that already. Each value is
    appended to a key once. Status is ok; fail, it took no effect; or info, nobody knows: then
    return may be null.

    [bold]Names.[/] G0, G1a, G1b, G1c, G-single, G-nonadjacent and G2-item are those of Adya;
    -process and -realtime behind one say that a client's own order, or times, are part of it.
    What is found did happen; that nothing is found proves nothing.

    [bold]Exit code.[/] 0: nothing was found. 1: anomalies. 2: wrong use or bad input. 3: unknown,
    because there was no time to look for all cycles.

    [green]headrace anomalies history.jsonl[/]
    """
)

CHECK_SYSTEM = paragraphs(
    r"""
    Look at every state that a system can reach, and tell what holds in them: in which order ever
    messages arrive and timers run out, and, as far as the options allow it, whatever is lost,
    delivered twice, or crashes.

    APP is a headrace.System, or a function without arguments that makes one. Its
    [bold]always[/] must hold in every state, [bold]sometimes[/] in one at least,
    [bold]eventually[/] at some time on each path on which nothing is put off for ever. A handler
    that raises is a counterexample as well. Time stands still: a timer that is set may run out at
    any time.

    Shown are how many states were made, how many are different, how far the farthest is, and the
    shortest counterexample, step by step; --html draws it.

    [bold]Exit code.[/] 0: all holds. 1: something does not. 2: wrong use. 3: unknown, because not
    all was looked at, or not to the end. 130: stopped by Ctrl-C; 143: by SIGTERM.

    [green]headrace check locks.py:system[/]
    [green]headrace check locks.py:system --losses 1 --crashes 1 --timers retry=2 --html bad.html[/]
    """
)
