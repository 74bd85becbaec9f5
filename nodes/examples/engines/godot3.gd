# Godot 3: the hands that handflow sends in the layout `hands`. Put this on a Node2D; it draws each hand, and its signals tell
# of those that come, go and wave. A plain UDP socket and thirty lines of OSC: no addon is needed. For Godot 4 take godot4.gd.
extends Node2D

signal entered(id)
signal left(id)
signal gesture(id, gesture_name, phase)  # phase 0: it begins, 1: it goes on, 2: it ends

export var port := 9000

var hands := {}  # id -> {place, velocity, open, slot, zone}; an id is never used again
var waving := {}  # ids
var socket := PacketPeerUDP.new()


func _ready() -> void:
	if socket.listen(port) != OK:
		push_error("port %d is taken: does another program listen there?" % port)


func _process(_delta: float) -> void:
	while socket.get_available_packet_count() > 0:
		read(socket.get_packet())
	update()


func _draw() -> void:
	var size := get_viewport_rect().size
	for id in hands:
		var hand: Dictionary = hands[id]
		var radius := 40.0 if waving.has(id) else 20.0
		draw_circle(hand.place * size, radius, Color.gold if hand.open >= 0.5 else Color.white)


func heard(address: String, values: Array) -> void:
	if address == "/hands/hand" and values[2] != 3:  # 3: leaving
		# id slot state zone x y w h vx vy confidence age open
		var is_new := not hands.has(values[0])
		hands[values[0]] = {
			"place": Vector2(values[4], values[5]), "velocity": Vector2(values[8], values[9]),
			"open": values[12], "slot": values[1], "zone": values[3],
		}
		if is_new:
			emit_signal("entered", values[0])
	elif address == "/hands/alive":
		# Ends a frame, or a part of a large one: whoever is not in it has left.
		for id in hands.keys():
			if not values.has(id):
				hands.erase(id)
				waving.erase(id)
				emit_signal("left", id)
	elif address == "/hands/gesture":
		# name id id2 phase progress confidence x y rate strength; a stage `gestures` has to be wired
		emit_signal("gesture", values[1], values[0], values[3])
		if values[0] == "wave" and values[3] == 2:
			waving.erase(values[1])
		elif values[0] == "wave":
			waving[values[1]] = true


# OSC 1.0: a bundle is "#bundle", a time, then elements with their sizes; a message is an address, tags and arguments.
func read(datagram: PoolByteArray) -> void:
	var data := StreamPeerBuffer.new()
	data.big_endian = true
	data.data_array = datagram
	var address := text(data)
	if address == "#bundle":
		data.seek(16)
		while data.get_available_bytes() >= 4:
			var size := data.get_32()
			var at := data.get_position()
			read(datagram.subarray(at, at + size - 1))
			data.seek(at + size)
		return
	var values := []
	for tag in text(data).trim_prefix(","):
		match tag:
			"i":
				values.append(data.get_32())
			"f":
				values.append(data.get_float())
			"s":
				values.append(text(data))
			_:
				return  # handflow sends nothing else
	heard(address, values)


func text(data: StreamPeerBuffer) -> String:
	var bytes := PoolByteArray()
	while data.get_available_bytes() > 0:
		var byte := data.get_u8()
		if byte == 0:
			break
		bytes.append(byte)
	data.seek((data.get_position() + 3) & ~3)  # padded to four bytes
	return bytes.get_string_from_utf8()
