"""Compose files and Kubernetes' manifests: a container for each node.

The nodes of one machine share its network (games and cameras are reached as from the machine itself), the numbers of
its processes, and a folder in memory through which they find each other and hand on pictures.
"""

from pathlib import Path
from typing import Any

from .deployment import GRAPH_FOLDER, RUN_FOLDER, Deployment, dashed, own_files

OWNER_READS = 0o400


def compose(deployment: Deployment) -> dict[str, Any]:
    """A Compose file, beside whose folder `graph` it lies."""
    services = {}
    for node in deployment.nodes:
        device = deployment.device(node)
        services[node] = {
            "image": deployment.image,
            # Compose takes what is behind a single dollar for a variable.
            "command": [word.replace("$", "$$") for word in deployment.in_container(node)],
            "working_dir": GRAPH_FOLDER,
            "network_mode": "host",
            "pid": "host",
            "restart": "on-failure",
            "volumes": [f"./graph:{GRAPH_FOLDER}:ro", f"run:{RUN_FOLDER}"],
            **({"devices": [f"{device}:{device}"]} if device else {}),
        }
    memory = {"driver": "local", "driver_opts": {"type": "tmpfs", "device": "tmpfs"}}
    return {"services": services, "volumes": {"run": memory}}


def manifests(deployment: Deployment, folder: Path) -> list[dict[str, Any]]:
    """A ConfigMap with the graph of `folder`, and a Deployment of one pod. Its key is a Secret, made by hand."""
    graph, labels = deployment.graph, {"app": deployment.name}
    paths = [graph.file.name, *own_files(graph)]
    keys = {path: f"file-{number}" for number, path in enumerate(paths)}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": deployment.name, "labels": labels},
        "data": {keys[path]: (folder / path).read_text("utf-8") for path in paths},
    }
    # One volume for both, for a mount inside another is not made in one that can only be read.
    sources: list[dict[str, Any]] = [
        {"configMap": {"name": deployment.name, "items": [{"key": keys[path], "path": path} for path in paths]}}
    ]
    if graph.key:
        file = Path(graph.key).name
        items = [{"key": "key", "path": file, "mode": OWNER_READS}]
        sources.append({"secret": {"name": "handflow-key", "items": items}})
    volumes: list[dict[str, Any]] = [
        {"name": "graph", "projected": {"sources": sources}},
        {"name": "run", "emptyDir": {"medium": "Memory"}},
    ]
    containers = []
    for node in deployment.nodes:
        mounts = [
            {"name": "graph", "mountPath": GRAPH_FOLDER, "readOnly": True},
            {"name": "run", "mountPath": RUN_FOLDER},
        ]
        container: dict[str, Any] = {
            "name": f"node-{dashed(node)}"[:63].rstrip("-"),
            "image": deployment.image,
            "command": deployment.in_container(node),
            "workingDir": GRAPH_FOLDER,
            "volumeMounts": mounts,
        }
        if device := deployment.device(node):
            volumes.append({"name": container["name"], "hostPath": {"path": device, "type": "CharDevice"}})
            mounts.append({"name": container["name"], "mountPath": device})
            # Else it may see the file, but not open the device.
            container["securityContext"] = {"privileged": True}
        containers.append(container)
    pod: dict[str, Any] = {
        "hostNetwork": True,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 15,
        "containers": containers,
        "volumes": volumes,
    }
    if deployment.machine:
        pod["nodeSelector"] = {"handflow/machine": deployment.machine}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment.name, "labels": labels},
        "spec": {
            "replicas": 1,
            # The new pod's nodes want the ports and the camera of the old one's.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    return [config, workload]
