"""The texts of `--help`, and joining their lines, which typer would keep as they are."""

from __future__ import annotations

from inspect import cleandoc

_BLOCKS = ("[cyan]", "[green]")  # paragraphs of code, whose lines are kept


def paragraphs(text: str) -> str:
    """Text with each paragraph on one line, except for code."""
    return "\n\n".join(
        part if part.startswith(_BLOCKS) else part.replace("\n", " ")
        for part in cleandoc(text).split("\n\n")
    )


HEADRACE = paragraphs(
    r"""
    A deterministic event engine: one recorded order of events, stepped by state machines.

    A machine is a Python function from a state and an event to a state and outputs, together with
    the format of its events and an initial state. Put this into [bold]totals.py[/]:

    [cyan]import headrace as hr[/]
    [cyan]TRADE = \[("account", "i8"), ("amount", "f8")][/]
    [cyan]TOTAL = \[("account", "i8"), ("total", "f8")][/]

    [cyan]@hr.machine(event=TRADE, output=TOTAL, initial=dict)[/]
    [cyan]def total(state, account, amount):[/]
    [cyan]    state\[account] = state.get(account, 0.0) + amount[/]
    [cyan]    return state, (account, state\[account])[/]

    With trades in a table that has the columns account and amount,

    [green]headrace run totals.py:total --input trades.csv --output totals.csv[/]

    runs every trade through it, in order, and writes one line for each output.
    [green]headrace COMMAND --help[/] explains a command.
    """
)

RUN = paragraphs(
    r"""
    Run every event of a file through a machine, in order, and write its outputs to a file.

    [bold]Input.[/] Columns or fields are matched to the machine's event format by name, in any
    order; further ones are left out, and you are told. A .csv is UTF-8 with a header line; times
    are ISO 8601 in UTC, time spans whole numbers of the field's unit, booleans true, false, 1 or
    0; a field of a nested record is the column at.x, an item of an array bids\[1]. A bad cell
    stops the job with file, line, column and reason. A .npy is one structured array, read through
    a memory map; a .npz is one structured array, or one array for each field. Their numbers may be
    of a narrower type than the machine's (NumPy's casting "safe"). A dash is stdin: CSV, or .npy
    if it starts like one. From a pipe, events are taken --batch at a time; with --batch 1 each is
    answered as it comes.

    [bold]Output.[/] Each record carries input_sequence (which event, counted from 0),
    output_index (which of that event's outputs), input_time_ns (when the event was published, in
    nanoseconds since 1970) and origin (which event of the input it descends from: in a pipeline,
    input_sequence counts the events of the last stage), then the machine's own fields. A .npz
    holds them as the array outputs. The file appears when the job is done: after an error or
    Ctrl-C, what was there before is still there. A dash is CSV on stdout.

    [bold]Topologies[/] of machines (>>, hr.shard, hr.fanout) run as well: each stage in a thread
    of its own, or with --place processes in a process of its own, which is started as
    --start-method says. Outputs of a shard that is not ordered come in the order of the inputs for
    each key only.

    [bold]Summary.[/] Time per event is measured batch by batch, from publishing it until its
    outputs are at hand, each of its events being given an equal share; so --batch 1 measures
    single events, hand-over between threads included. The state digest tells whether two runs
    ended in the same state.

    [bold]A step that raises[/] changes nothing. The job halts and says which event it was; with
    --on-error dead_letter the event is put aside in a table that can be run again.

    [bold]Exit code.[/] 0: done. 1: a step raised, or a file could not be written. 2: wrong use or
    bad input. 130: stopped by Ctrl-C; 143: by SIGTERM.

    [green]headrace run totals.py:total --input trades.csv --output totals.csv[/]
    [green]zcat trades.csv.gz | headrace run totals.py:total -i - -o - | less[/]
    [green]headrace run mypackage.risk:check -i orders.npy -o alerts.npz --step native[/]
    [green]headrace run exchange.py:topology -i orders.npy -o fills.npz --place processes[/]
    """
)

DRAW = paragraphs(
    """
    Draw a topology, or a machine: what runs, what it takes and puts out, and how it is shared out.

    [bold]--detail topology[/] is how it is written: a shard is one frame, with how many copies
    there are of what is in it, and by what events go to them. [bold]--detail stages[/] is how it
    runs: each stage, with its share of the events, and each ring between them.

    An SVG needs no other program, and follows the light or dark colours of its reader. Mermaid is a
    text for a block in Markdown; DOT is one for Graphviz. The machines do not run; of each one
    initial state is made, to tell what kind of value it is.

    [bold]Exit code.[/] 0: drawn. 1: the file could not be written. 2: wrong use.

    [green]headrace draw exchange.py:topology --output exchange.svg[/]
    [green]headrace draw exchange.py:topology --format mermaid --detail stages[/]
    [green]headrace draw exchange.py:topology --format dot | dot -Tpng > exchange.png[/]
    """
)

DEBUG = paragraphs(
    r"""
    Go back in time: look at every state that an engine with a journal ever had, and at how it came
    from one to the next. Nothing is written, and the engine may go on running meanwhile.

    [bold]On the screen[/] (needs the extra debug) are a time line to scrub, the inputs with filter
    and search, the state with what the last input changed, and the outputs of it. Step on and
    back, run to breakpoints in both directions, ask which inputs changed a value, change an input
    and compare the two futures. [bold]?[/] shows all keys.

    [bold]As a page:[/] --html writes one file with inputs \[A, B) and their states, for a browser.

    [green]headrace debug journal totals.py:total[/]
    [green]headrace debug journal totals.py:total --at 1200[/]
    [green]headrace debug journal totals.py:total --html page.html --from 1100 --to 1200[/]
    """
)

RINGS = paragraphs(
    """
    List the rings in shared memory on this machine; remove those that the dead left behind.

    A named ring lives until its owner, the process that created it, closes it or ends. An owner
    that was killed leaves its ring in shared memory, where it takes up space until
    [green]headrace rings --clean[/]; the same goes for the board that headrace top reads. Rings
    and boards of living owners are never touched.
    """
)

TOP = paragraphs(
    r"""
    Show what the stages of a running topology do: how fast, how long their queues are, how long
    events take, and who is paused, dead, or was restarted.

    NAME is that of the topology's board in shared memory; without it the only one there is is
    taken, and several are listed. The board is only read: what runs does not notice.

    [bold]Columns.[/] rate/s: events a second. depth: events that wait for the stage (red: its ring
    is 90 % full). batch: events stepped over at a time. p50, p99, p99.9: from an event's ingest
    into the topology to the end of its batch at this stage, within 1 %. rst: restarts. Where there
    is room also busy, the share of the time spent stepping; service, the time for one event; steps
    that raised, dead letters, and events dropped. All but the counts are of the last --interval.

    [bold]Keys.[/] q quits, t shows the topology, j and k or the arrows move in long lists.

    [bold]State.[/] What the stage itself says, but paused where its process is stopped (SIGSTOP),
    and dead where it is gone.

    [bold]--json[/] prints one object, about all that was since the start; with --interval or
    --count a line for each interval. Times are in ns, null is not known. [bold]--prometheus[/]
    serves /metrics until Ctrl-C (needs the extra prometheus).

    [bold]Exit code.[/] 0: done. 2: no such board, or wrong use. 130: stopped by Ctrl-C; 143: by
    SIGTERM.

    [green]headrace top prices[/]
    [green]headrace top prices --json --interval 5 --count 12[/]
    [green]headrace top prices --prometheus 9464[/]
    """
)

JOURNAL = paragraphs(
    """
    Look at the journal of an engine, check and repair it, make a test of a part of it.
    """
)

CHECK = paragraphs(
    """
    Read all of a journal, and tell what is there, what is wrong, and what can be done about it.

    Every checksum is checked. Behind damage it goes on where it can: the table counts what is
    intact. A torn tail is what was being written when the engine died, and nobody had been told
    that it is safe; an engine cuts it off by itself. Damage is something missing or changed that
    had been safe; no engine opens such a journal until it is repaired. Nothing is written, and an
    engine may be at work meanwhile.

    [bold]Exit code.[/] 0: whole. 1: a torn tail, or a damaged snapshot for which there is another;
    or the folder cannot be read. 2: damage, or no journal there.

    [green]headrace journal check trades.journal[/]
    """
)

SHOW = paragraphs(
    """
    Show the inputs in a journal, and what is noted beside them.

    Inputs are counted from 0; times are when they were published, in UTC. Damaged places are passed
    over. Notes are calls (with client and number), digests of the state, by which a replay is
    checked, and where engines were opened and closed.

    [green]headrace journal show trades.journal --from 1000 --to 1010 --notes[/]
    [green]headrace journal show trades.journal --json | jq .event.price[/]
    """
)

STATS = paragraphs(
    """
    Figures of a journal: inputs, rates over time, sizes, snapshots, digests, clients.

    [green]headrace journal stats trades.journal --spans 24[/]
    """
)

REPAIR = paragraphs(
    """
    Make a damaged journal one that an engine can go on with; tells first what that costs.

    Nothing is deleted: what is cut off or moved away is in the folder kept/ of the journal. A torn
    tail is cut off. A segment's damaged header is written anew where it is certain what it was.
    Where there is a good snapshot behind the damage, the segments up to there are moved away, and
    only the past before it can no longer be looked at. Otherwise all from the damage on is cut, and
    the inputs that are lost by it are named. Damaged snapshots, snapshots of inputs that are lost,
    and files that were being made are moved away. Outputs of lost inputs go with them.

    If anything is lost, it asks first, or wants --yes. No engine may be at work meanwhile.

    [bold]Exit code.[/] 0: an engine can go on. 1: not agreed to, or failed. 2: wrong use, or it
    cannot be repaired.

    [green]headrace journal repair trades.journal --dry-run[/]
    """
)

TO_TEST = paragraphs(
    """
    Write a test for pytest that steps the machine over inputs [A, B) of a journal.

    The file has the state before input A, the inputs with their times, and the outputs and the
    state that they led to. It passes as it is; change what it expects to what should have happened,
    and it fails until the machine is mended. APP is the machine, as for [green]headrace run[/].

    [green]headrace journal to-test trades.journal totals.py:total --from 990 --to 1000 \
-o test_incident.py[/]
    """
)

DEAD_LETTERS = paragraphs(
    """
    List the events that a machine could not step over, show one, publish some again.

    DIR is that of [bold]Engine(..., dead_letters=DIR)[/]; events that have killed workers are in
    the folder [bold]poison[/] of their journal, too. Letters are counted from 0. Each is
    waiting, until it is reinjected (published again), discarded, or stepped (by a mended machine,
    when its journal was opened again). An engine may be at work while they are listed or shown.

    [bold]--reinject[/] opens the engine of APP on its journal, and publishes the events of letters
    N, or of all that are waiting; each once, also if it is killed in between and run again. Events
    of later machines cannot be published. What had killed its worker is tried in a process again.
    [bold]--discard[/]: nobody wants letter N.

    [bold]Exit code.[/] 0: done. 1: an event has failed again, or something failed. 2: wrong use.

    [green]headrace dead-letters trades.dead --show 3[/]
    [green]headrace dead-letters trades.dead --reinject totals.py:total --journal trades.journal \
3 4[/]
    """
)

REPLAY = paragraphs(
    """
    Step a machine, or a topology, over the inputs of a journal again, and compare with what was.

    The digests in the journal are compared on the way: if the machine goes another way than the
    one that wrote the journal did, you are told from which input on, and what differs. With
    [bold]--with[/] the same inputs go through another version as well, and you are told which
    outputs and which parts of the state differ, and from which input on. Nothing is written.

    [bold]Exit code.[/] 0: the same. 1: it parts, or the journal is damaged. 2: wrong use.

    [green]headrace replay trades.journal totals.py:total[/]
    [green]headrace replay trades.journal totals.py:total --with totals2.py:total[/]
    [green]headrace replay orders.journal exchange.py:topology --to 100000[/]
    """
)

SERVE = paragraphs(
    """
    Run one node of a system: journaled, and reachable by its peers and by clients.

    The node goes on from its journal, as a node in a simulated world does after a crash: with what
    it has persisted. Nothing that it says leaves before its input is safe. Give the same addresses
    to every node; its own is where it listens. What comes from outside and is no message ends one
    connection, and never the node.

    [bold]A secret[/] is proved and never sent; make one with [green]openssl rand -hex 32[/]. It
    keeps others out, and hides nothing from who listens in: for that there is TLS.

    [bold]SIGTERM and Ctrl-C[/] stop it cleanly; a second one at once.

    [bold]Exit code.[/] 0: told to stop. 1: the journal failed, or a timer or start raised. 2: wrong
    use.

    [green]headrace serve store.py:store --node a --dir a.journal -a a=unix:a.socket \
-a b=unix:b.socket[/]
    [green]headrace debug a.journal store.py:store.a[/]
    """
)

CALL = paragraphs(
    """
    Ask a live system one thing, and print the reply.

    It is tried again, at other nodes as well, until there is a reply or the time is over. The
    request is written as in Python, with a type of the system and plain values in it; it is read,
    and not run.

    [bold]Exit code.[/] 0: a reply. 1: none in time; or the request is refused, or has failed. 2:
    wrong use.

    [green]headrace call store.py:store 'Put(key="x", value=1)' -a a=unix:a.socket[/]
    """
)

SIMULATE = paragraphs(
    r"""
    Run a system of nodes in simulated worlds, with everything that can go wrong, many times.

    Time is virtual, and each run follows from its seed: what clients ask for, which faults there
    are, and what the network does to each message. What must hold is checked on the way, and what
    clients saw in the end. The first run that fails is made small (fewer commands, fewer faults)
    and shown; the summary says what all runs have reached. APP is a headrace.Simulation:

    [cyan]simulation = hr.Simulation(system, chaos=hr.Chaos(crashes=2, partitions=1))[/]

    [bold]--to-test[/] writes the run that failed, as small as it has become, as a file for pytest.
    [bold]--html[/] writes it as a page: who sent what to whom, and what went wrong when;
    [bold]--journals[/] as journals, one for each node, that headrace debug opens. Seeds that failed
    are kept with [bold]--known[/], and run first the next time. [bold]--twice[/] compares each run
    with one in a process that hashes texts differently.

    [bold]Exit code.[/] 0: no run failed. 1: one did. 2: wrong use.

    [green]headrace simulate store.py:simulation --runs 10000 --seed 1 --jobs 2[/]
    [green]headrace simulate store.py:simulation --to-test test_incident.py[/]
    """
)
