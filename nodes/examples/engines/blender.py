"""Blender: a ball for each hand that handflow sends in the layout `hands`.

Open this in the text editor and run it (Alt P); run it again to start anew. Nothing has to be installed: a plain UDP
socket and twenty lines of OSC.
"""

import socket
import struct

import bpy

PORT = 9000
SIZE = 16, 9  # of the picture in the scene, whose middle is the origin; it stands upright, on the x and z axes

hands: dict[int, dict] = {}  # by id; an id is never used again
waving: set[int] = set()  # ids: their balls are twice as large


def heard(address: str, values: list) -> None:
    if address == "/hands/hand" and values[2] != 3:  # 3: leaving
        names = ("id", "slot", "state", "zone", "x", "y", "w", "h", "vx", "vy", "confidence", "age", "open")
        hand = dict(zip(names, values, strict=True))
        ball = hands.get(hand["id"], {}).get("ball") or new_ball(hand["id"])
        ball.location = (hand["x"] - 0.5) * SIZE[0], 0, (0.5 - hand["y"]) * SIZE[1]
        ball.scale = [hand["w"] / 2 * SIZE[0] * (2 if hand["id"] in waving else 1)] * 3
        ball["open"] = hand["open"]  # a custom property: drivers and geometry nodes can read it
        hands[hand["id"]] = {**hand, "ball": ball}
    elif address == "/hands/alive":
        # Ends a frame, or a part of a large one: whoever is not in it has left.
        for id_ in hands.keys() - set(values):
            bpy.data.objects.remove(hands.pop(id_)["ball"])
            waving.discard(id_)
    elif address == "/hands/gesture" and values[0] == "wave":
        # name id id2 phase ..., if a stage `gestures` is wired; phase 0: it begins, 1: it goes on, 2: it ends
        (waving.discard if values[3] == 2 else waving.add)(values[1])


def new_ball(id_: int) -> bpy.types.Object:
    mesh = bpy.data.meshes.get("hand")
    if mesh is None:  # one mesh for all
        bpy.ops.mesh.primitive_uv_sphere_add(radius=1)
        mesh = bpy.context.object.data
        mesh.name = "hand"
        bpy.data.objects.remove(bpy.context.object)
    ball = bpy.data.objects.new(f"hand {id_}", mesh)
    bpy.context.scene.collection.objects.link(ball)
    return ball


def read(data: bytes) -> None:
    """OSC 1.0: a bundle is "#bundle", a time, then elements with their sizes; a message is address, tags, arguments."""
    address, at = text(data, 0)
    if address == "#bundle":
        at = 16
        while at < len(data):
            (size,) = struct.unpack_from(">i", data, at)
            read(data[at + 4 : at + 4 + size])
            at += 4 + size
        return
    tags, at = text(data, at)
    values: list = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(data, at)
        else:  # i or f: handflow sends nothing else
            (value,) = struct.unpack_from(f">{tag}", data, at)
            at += 4
        values.append(value)
    heard(address, values)


def text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), (end + 4) & ~3  # padded to four bytes, with one zero at least


def step() -> float:
    """All that has come; Blender's own timer calls it, for its data may not be touched from a thread."""
    try:
        while True:
            read(receiver.recv(65536))
    except BlockingIOError:
        pass
    return 1 / 60


# What an earlier run of this script left.
if "hands" in bpy.app.driver_namespace:
    earlier, old_step = bpy.app.driver_namespace["hands"]
    earlier.close()
    if bpy.app.timers.is_registered(old_step):
        bpy.app.timers.unregister(old_step)
    for ball in [each for each in bpy.data.objects if each.name.startswith("hand ")]:
        bpy.data.objects.remove(ball)
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("0.0.0.0", PORT))
receiver.setblocking(False)
bpy.app.driver_namespace["hands"] = receiver, step
bpy.app.timers.register(step)
