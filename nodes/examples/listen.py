"""Prints the hands that a `publish` node sends. Needs `pip install pyzmq` and nothing of handflow.

python listen.py [tcp://127.0.0.1:5570]
"""

import json
import sys

import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5570")  # in any order: it connects when it can
socket.subscribe("hands")  # the topic; without it nothing comes

while True:
    topic, line = socket.recv_multipart()
    while socket.poll(0):  # a game wants the newest frame: what is older is skipped
        topic, line = socket.recv_multipart()
    frame = json.loads(line)
    hands = [
        f"{hand['id']} at {hand['x']:.2f} {hand['y']:.2f}{' open' if hand['open'] >= 0.5 else ''}"
        for hand in frame["hands"]
    ]
    print(f"frame {frame['frame']}:", ", ".join(hands) or "no hands", flush=True)
    for gesture in frame.get("gestures", []):  # if a stage `gestures` is wired
        if gesture["name"] == "wave" and gesture["phase"] == "start":
            print(f"{gesture['hands'][0]} waves: hello!", flush=True)
