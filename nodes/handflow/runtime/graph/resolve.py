"""A graph -> its stages, checked: which class each node is of, with which settings, and how each edge is read.

Everything that can be seen to be wrong without a camera is seen here, all of it at once, each fault in one line:
file:line:column, what was expected, what was found, the nearest right name.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from handflow.errors import GraphError, SetupError, StageError
from handflow.runtime.topology import Crossing
from handflow.runtime.transport.wire import Edge, Packed

from .graph import Graph
from .origins import common_way, origins, streams
from .spec import EdgeSpec
from .stage import KEEPS_DRIVING, Declaration, Input, Stage, checked_settings, declaration_of, hint, load

KEEPS_BESIDE = ("newest", "same")  # of inputs that do not drive


def resolve(graph: Graph, only: str | None = None) -> dict[str, Stage]:
    """Loads the classes and checks everything against them; the stages by name. GraphError with all that is wrong.

    `only`: this node alone, of a graph that has been checked: a stage's process need not load the others' libraries.
    """
    faults: list[str] = []
    found = [_stage(graph, name, faults) for name in ([only] if only else graph.nodes)]
    stages = {stage.name: stage for stage in found if stage is not None}
    for stage in stages.values():
        faults += _connect(graph, stages, stage)
    whole = {(stage.name, edge.node, edge.stream) for stage in stages.values() for edge in stage.edges if _whole(edge)}
    for producer in stages.values():
        producer.crossings, producer.awaited = _crossings(graph, producer.name, whole)
        producer.streams = sorted({edge.stream for _, edge in graph.readers(producer.name) if edge.stream})
    if not only:
        # A class may ask for every message where the graph does not.
        waited_for = [stage for stage in stages.values() if graph.exact or not stage.declaration.may_rest]
        edges = [(stage, edge) for stage in waited_for for edge in stage.edges if _whole(edge) and not edge.crossing]
        for producer in stages.values():
            producer.readers = [reader.name for reader, edge in edges if edge.node == producer.name]
        faults = faults or [*_loops(graph, stages), *_ports_taken_twice(graph), *_streams_in_streams(graph, stages)]
    if faults:
        raise GraphError(faults)
    return stages


def explicit(graph: Graph, stages: Mapping[str, Stage]) -> Graph:
    """The same graph with all that its classes decide written out: arguments, `keep`, `wait_ms`, whole paths.

    Not what an exact run makes of `keep`: a graph that was recorded in one can be run in any way.
    """
    copy = graph.copy()
    for name, stage in stages.items():
        given = _given(graph, name, stage.declaration)
        copy.nodes[name].run = stage.run
        copy.nodes[name].inputs = _specs(stage)
        for argument, specs in copy.nodes[name].inputs.items():
            for spec, of_file in zip(specs if isinstance(specs, list) else [specs], given[argument], strict=True):
                # What is written out is waited for, by processes that do not load the classes of others.
                crosses = graph.may_cross(spec.producer, name)
                if graph.exact or (stage.declaration.may_rest and not crosses):
                    spec.keep = of_file.keep
                # Of an edge that does not cross just now, but may.
                spec.jpeg, spec.size = spec.jpeg or of_file.jpeg, spec.size or of_file.size
    return copy


def shared_by_machines(graph: Graph, stages: Mapping[str, Stage]) -> dict[str, Any]:
    """What must be the same on all machines of a graph, as JSON has it: nodes, edges and machines, not settings."""
    nodes = {
        stage.name: {"run": stage.run, "on": graph.places(stage.name), "in": _specs(stage)} for stage in stages.values()
    }
    machines = {machine.name: [machine.host, machine.port] for machine in graph.machines.values()}
    return msgspec.to_builtins({"machines": machines, "nodes": nodes})


def _specs(stage: Stage) -> dict[str, EdgeSpec | list[EdgeSpec]]:
    """A stage's edges as its node has them in a file, with all that is decided."""
    found: dict[str, list[EdgeSpec]] = {}
    for edge in stage.edges:
        found.setdefault(edge.argument, []).append(_spec(edge))
    return {argument: specs if len(specs) > 1 else specs[0] for argument, specs in found.items()}


def _spec(edge: Edge) -> EdgeSpec:
    spec = EdgeSpec(edge.node, edge.keep, edge.wait_ms)
    if edge.stream:
        spec.stream = edge.stream
    if edge.crossing:
        spec.jpeg, spec.size = edge.crossing.jpeg, edge.crossing.size
    return spec


def _stage(graph: Graph, name: str, faults: list[str]) -> Stage | None:
    """A node with its class and settings, not yet connected; None if there is no such class."""
    spec = graph.nodes[name]
    try:
        node = load(spec.run, graph.file.parent)
        declaration = declaration_of(node)
    except StageError as error:
        faults.append(f"{graph.position(name, 'run')}: {name}: {error}")
        return None
    good, wrong = checked_settings(declaration, spec.settings)
    faults += [f"{graph.position(name, 'with', key)}: {name}: {line}" for key, line in wrong.items()]
    if not wrong:
        try:
            declaration = replace(declaration, output=node(**good).output_type() or declaration.output)
        except (ValueError, TypeError, SetupError) as error:  # what does not go together
            faults.append(f"{graph.position(name, 'with')}: {name}: {error}")
    return Stage(
        name=name,
        run=str((graph.file.parent / spec.run).resolve()) if spec.run.endswith(".py") else spec.run,
        node=node,
        settings=good,
        edges=[],
        listeners=[reader for reader, _ in graph.readers(name)],
        readers=[
            reader
            for reader, edge in graph.readers(name)
            if (edge.keep == "all" or graph.exact) and graph.nodes[reader].on == spec.on
        ],
        declaration=declaration,
        on=spec.on,
    )


def _connect(graph: Graph, stages: Mapping[str, Stage], stage: Stage) -> list[str]:
    """Fills in `stage.edges`, in the order of process(); what is wrong with them, one line each."""
    name, declaration = stage.name, stage.declaration
    given = _given(graph, name, declaration)
    inputs = dict.fromkeys(given, declaration.rest) if declaration.rest else declaration.inputs
    faults = [
        line
        for argument, specs in given.items()
        for spec in specs
        for line in _misfit(graph, stages, name, argument, spec, inputs)
    ]
    faults += [line for argument, specs in given.items() for line in _given_twice(graph, name, argument, specs)]
    if declaration.rest and not given:
        kind = declaration.rest.kind.__name__
        faults.append(f"{graph.position(name)}: {name}: expected at least one input of type {kind}, got none")
    if inputs and not given and all(wanted.optional for wanted in inputs.values()):
        faults.append(f"{graph.position(name)}: {name}: expected at least one input of {', '.join(inputs)}, got none")
    for argument, wanted in inputs.items():
        drives = declaration.rest is not None or not stage.edges
        for spec in given.get(argument, ()):
            edge, wrong = _edge(graph, stage, argument, wanted, spec, drives)
            stage.edges.append(edge)
            faults += [f"{graph.position(name, 'in', argument)}: {name}: {line}" for line in wrong]
        if argument not in given and not wanted.optional:
            faults.append(
                f"{graph.position(name, 'in')}: {name}: expected an input {argument!r} "
                f"of type {wanted.kind.__name__}, got none"
            )
    if len(stage.edges) > 1 and not faults and graph.joins_streams():
        stage.edges = [replace(edge, origins=origins(graph, edge.node, edge.stream)) for edge in stage.edges]
    return faults


def _given(graph: Graph, name: str, declaration: Declaration) -> dict[str, list[EdgeSpec]]:
    """The edges that the file gives a node, by argument."""
    first = next(iter(declaration.inputs), None)
    found: dict[str, list[EdgeSpec]] = {}
    for argument, edge in graph.nodes[name].edges():
        found.setdefault(argument or first or edge.producer, []).append(edge)
    return found


def _edge(
    graph: Graph, stage: Stage, argument: str, wanted: Input, spec: EdgeSpec, drives: bool
) -> tuple[Edge, list[str]]:
    """One edge of a stage, after those before it; what is wrong with it."""
    loop = not drives and _feeds(graph, stage.name, spec.producer)
    allowed = ("all",) if graph.exact else KEEPS_DRIVING if drives else KEEPS_BESIDE
    crosses = spec.producer in graph.nodes and graph.may_cross(spec.producer, stage.name)
    default = "newest" if loop else "same"
    if drives:
        default = stage.declaration.keep_of(argument, crosses)
    keep: Any = "all" if graph.exact else spec.keep or default
    faults = []
    if keep not in allowed:
        how = "drives" if drives else "does not drive"
        faults.append(f"keep of {argument}, which {how}: expected {' or '.join(allowed)}, got {keep}")
    if crosses and graph.exact:
        faults.append("an exact run does not cross from one machine to another; put both nodes on one")
    crossing = _crossing(graph, stage.name, spec, keep == "all")
    wait_ms = Edge.wait_ms if spec.wait_ms is msgspec.UNSET else spec.wait_ms
    stream = spec.stream or ""
    return (
        Edge(argument, spec.producer, wanted.kind, wanted.optional, keep, drives, wait_ms, loop, crossing, stream),
        faults,
    )


def edges_as_placed(graph: Graph, stage: Stage) -> list[Edge]:
    """A stage's edges once nodes have moved to other machines; of a graph with all that is decided written out."""
    specs = {(argument, spec.producer, spec.stream or ""): spec for argument, spec in graph.nodes[stage.name].edges()}
    return [
        replace(edge, crossing=_crossing(graph, stage.name, specs[edge.argument, edge.node, edge.stream], _whole(edge)))
        for edge in stage.edges
    ]


def _whole(edge: Edge) -> bool:
    """Whether every message is read."""
    return edge.keep == "all"


def _crossing(graph: Graph, reader: str, edge: EdgeSpec, lossless: bool, on: str | None = None) -> Crossing | None:
    """How an edge crosses to another machine; None: it does not. `on`: where the reader is, if not where it runs."""
    producer = graph.nodes.get(edge.producer)
    on = graph.nodes[reader].on if on is None else on
    if producer is None or producer.on == on or producer.on not in graph.machines:
        return None
    endpoint = f"tcp://{graph.machines[producer.on].host}:{graph.ports()[edge.producer, producer.on]}"
    return Crossing(endpoint, edge.jpeg or Crossing.jpeg, edge.size or None, graph.key, edge.stream or "", lossless)


def _crossings(
    graph: Graph, producer: str, whole: Collection[tuple[str, str, str]]
) -> tuple[list[Crossing], list[Crossing]]:
    """The ways in which a node may be read on other machines, each once; and those of readers as they stand now.

    `whole`: readers, producers and streams of which every message is read, where the graph itself does not say so.
    """
    readers = [
        (reader, edge, edge.keep == "all" or (reader, producer, edge.stream or "") in whole)
        for reader, edge in graph.readers(producer)
    ]
    may = [_crossing(graph, reader, edge, all_, on) for reader, edge, all_ in readers for on in graph.places(reader)]
    now = [_crossing(graph, reader, edge, all_) for reader, edge, all_ in readers]
    return list(dict.fromkeys(filter(None, may))), list(dict.fromkeys(filter(None, now)))


def _misfit(
    graph: Graph, stages: Mapping[str, Stage], reader: str, argument: str, edge: EdgeSpec, inputs: Mapping[str, Input]
) -> list[str]:
    """What is wrong with one edge of the file: a line, or none."""
    position = f"{graph.position(reader, 'in', argument)}: {reader}"
    if argument not in inputs:
        has = f"it has {', '.join(inputs)}" if inputs else "it is a source"
        return [f"{position}: no input {argument!r}{hint(argument, list(inputs))}; {has}"]
    if edge.producer not in graph.nodes:
        near = hint(edge.producer, list(graph.nodes))
        return [f"{position}: expected a node for {argument}, got {edge.producer!r}{near}"]
    kind, producer = inputs[argument].kind, stages.get(edge.producer)
    output = producer.declaration.output if producer else None
    if producer and (output is None or not (kind is Packed or issubclass(output, kind))):
        given = output.__name__ if output else "nothing"
        return [f"{position}: {argument}: expected {kind.__name__}, got {given} from {edge.producer!r}"]
    if edge.stream and producer and not producer.node.stands_in:
        known = streams(graph, edge.producer)
        if edge.stream not in known:
            has = f"it makes its messages of those of {', '.join(known)}" if known else "it is a source"
            near = hint(edge.stream, known)
            return [f"{position}: stream: expected what feeds {edge.producer!r}, got {edge.stream!r}{near}; {has}"]
    return []


def _given_twice(graph: Graph, reader: str, argument: str, specs: list[EdgeSpec]) -> list[str]:
    """What is wrong with a list as a whole."""
    faults = []
    for number, spec in enumerate(specs):
        if any(same.producer == spec.producer and same.stream == spec.stream for same in specs[:number]):
            position = f"{graph.position(reader, 'in', argument)}: {reader}"
            faults.append(f"{position}: {argument}: expected each node once, got {spec.producer!r} twice")
    return faults


def _streams_in_streams(graph: Graph, stages: Mapping[str, Stage]) -> list[str]:
    """A message counts to one of the streams that readers of a node choose from."""
    for stage in stages.values():
        if both := common_way(graph, stage.name, stage.streams):
            reader = next(name for name, edge in graph.readers(stage.name) if edge.stream == both[0])
            expected = f"expected one of {' and '.join(both)} for all readers of {stage.name!r}"
            position = graph.position(reader, "in")
            return [f"{position}: {reader}: stream: {expected}, got both, and the same messages came by both"]
    return []


def _feeds(graph: Graph, start: str, goal: str) -> bool:
    """Whether what `start` sends reaches `goal`: then `goal` cannot have this frame's answer before `start` has."""
    reached, open_ = {start}, [start]
    while open_:
        new = {reader for reader, _ in graph.readers(open_.pop())} - reached
        reached |= new
        open_ += new
    return goal in reached


def _loops(graph: Graph, stages: Mapping[str, Stage]) -> list[str]:
    """A loop through driving inputs would wait for itself."""
    for stage in stages.values():
        for edge in stage.edges:
            if edge.drives and (path := _driven_from(stages, edge.node, stage.name, ())):
                loop = " <- ".join([stage.name, *path])
                return [f"{graph.position(stage.name, 'in', edge.argument)}: loop through driving inputs: {loop}"]
    return []


def _driven_from(stages: Mapping[str, Stage], name: str, goal: str, before: Collection[str]) -> tuple[str, ...]:
    """A way from a node against its driving inputs to `goal`, both included; (): there is none."""
    if name == goal:
        return (name,)
    for edge in stages[name].edges if name not in before else ():
        if edge.drives and (path := _driven_from(stages, edge.node, goal, (*before, name))):
            return (name, *path)
    return ()


def _ports_taken_twice(graph: Graph) -> list[str]:
    """Ports that two machines with the same address would both listen on."""
    listening = [(machine.host, machine.port, machine.name) for machine in graph.machines.values()]
    for (name, on), port in graph.ports().items():
        machine = graph.machines[on]
        listening.append((machine.host, port, f"{machine.name}'s {name}"))
    first: dict[tuple[str, int], str] = {}
    for host, port, who in listening:
        other = first.setdefault((host, port), who)
        if other != who:
            return [
                f"{graph.file}: machines: expected ports farther apart, got {host}:{port} for both {who} and {other}"
            ]
    return []
