"""Our nodes as nodes of a dora dataflow: dora starts them and carries their messages, how they are read stays ours.

| file | what it is |
|---|---|
| `wiring.py` | what the dataflow joins, and what its outputs and inputs are called |
| `arrow.py` | a message as what dora carries, and back |
| `sockets.py` | dora's events in place of ZeroMQ's sockets, for the publisher and the inputs of any other process |
| `process.py` | one node's process, which dora has started |
"""
