"""dora: `dora_node.py CASE` writes the dataflow and runs it; each of its nodes is `dora_node.py CASE ROLE`."""

import json
import subprocess
import sys
import time
from pathlib import Path

import measure
import numpy as np


def source(case: measure.Case) -> None:
    import pyarrow
    from dora import Node

    node, feed = Node(), measure.PictureFeed(case)
    image = np.empty(case.shape, np.uint8)
    for number, wait_s in feed.due():
        time.sleep(wait_s)
        feed.draw(number, image)
        stamp = {"number": number, "sent_ns": time.monotonic_ns()}
        node.send_output("frame", pyarrow.array(image.reshape(-1)), stamp)
    time.sleep(600)


def relay(case: measure.Case) -> None:
    from dora import Node

    node = Node()
    for event in node:
        if event["type"] == "INPUT":
            node.send_output("frame", event["value"], event["metadata"])


def sink(case: measure.Case, name: str) -> None:
    from dora import Node

    taken = measure.ReaderNotes(case, name)
    for event in Node():
        if event["type"] == "INPUT":
            late_ns = time.monotonic_ns() - event["metadata"]["sent_ns"]
            image = event["value"].to_numpy(zero_copy_only=True)
            taken.take(event["metadata"]["number"], late_ns, image)


def dataflow(case: measure.Case, file: str) -> dict:
    def node(name: str, before: str) -> dict:
        made = {"id": name, "path": sys.executable, "args": f"{__file__} {file} {name}"}
        return made | ({"inputs": {"frame": f"{before}/frame"}} if before else {})

    nodes, before = [node("source", "") | {"outputs": ["frame"]}], "source"
    for hop in range(case.hops - 1):
        nodes.append(node(f"relay{hop}", before) | {"outputs": ["frame"]})
        before = f"relay{hop}"
    return {"nodes": [*nodes, *(node(f"sink{reader}", before) for reader in range(case.readers))]}


if __name__ == "__main__":
    case = measure.read(sys.argv[1])
    if len(sys.argv) == 2:
        graph = Path(case.folder) / "dataflow.yml"
        graph.write_text(json.dumps(dataflow(case, sys.argv[1])))
        command = [str(Path(sys.executable).parent / "dora"), "run", str(graph)]
        sys.exit(subprocess.run(command, cwd=case.folder).returncode)
    role = sys.argv[2]
    if role.startswith("sink"):
        sink(case, role)
    else:
        (source if role == "source" else relay)(case)
