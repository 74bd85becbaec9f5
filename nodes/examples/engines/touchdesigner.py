"""TouchDesigner: callbacks of an OSC In DAT; a Table DAT named `hands` has a row for each hand, to instance from.

In the graph: `targets: [{protocol: hands, port: 9000}]`. In the network: an OSC In DAT, port 9000, this text in its
callbacks DAT, and a Table DAT `hands` beside it. For numbers in CHOPs take the layout `hands-split` and an OSC In CHOP.
"""

NAMES = ("id", "slot", "state", "zone", "x", "y", "w", "h", "vx", "vy", "confidence", "age", "open")
hands: dict[int, dict] = {}  # by id; an id is never used again
waving: set = set()  # ids, if a stage `gestures` is wired: the table's last column is 1


def onReceiveOSC(dat, rowIndex, message, byteData, timeStamp, address, args, peer):  # type: ignore  # noqa: N802, N803
    if address == "/hands/hand":
        # TouchDesigner before 2023 has Python 3.9, whose zip knows no `strict`.
        hand = dict(zip(NAMES, args))  # noqa: B905
        if hand["state"] != 3:  # leaving
            hands[hand["id"]] = hand
    elif address == "/hands/alive":
        # Ends a frame, or a part of a large one: whoever is not in it has left.
        for id_ in hands.keys() - set(args):
            del hands[id_]
        waving.intersection_update(args)
        table = dat.parent().op("hands")
        table.clear()
        table.appendRow([*NAMES, "waves"])
        for hand in hands.values():
            # Upwards, as TouchDesigner counts.
            row = [1 - hand[name] if name == "y" else hand[name] for name in NAMES]
            table.appendRow([*row, int(hand["id"] in waving)])
    elif address == "/hands/gesture" and args[0] == "wave":
        # name id id2 phase ...; phase 0: it begins, 1: it goes on, 2: it ends
        (waving.discard if args[3] == 2 else waving.add)(args[1])
