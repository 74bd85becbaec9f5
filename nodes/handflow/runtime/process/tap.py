"""What a running graph's nodes send, seen from outside: the graph runs on as if nobody looked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

import zmq

from handflow.messages import Message
from handflow.runtime.profile import Profile
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge


def watch(directory: RunDir, edges: Sequence[Edge]) -> Iterator[Mapping[str, Message | None] | None]:
    """Messages by argument, as a node with these inputs would get them; None at least every 0.25 s without one.

    It goes on for ever: a graph that stops and starts again is seen again.
    """
    profile = Profile("watch", 0)
    with zmq.Context() as context, closing(Rings(memory=directory.memory())) as rings:
        connect = partial(subscribe, context, directory.address, rings, profile)
        with closing(Inputs("watch", edges, (), connect, rings, profile, ended=())) as inputs:
            for call in inputs:
                yield None if call is None else call.values
