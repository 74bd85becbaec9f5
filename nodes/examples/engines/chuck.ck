// ChucK: a tone for each hand that handflow sends in the layout `hands`. Up is high, an open palm is loud, a waving
// hand an octave higher.
//
// chuck chuck.ck, or with another port: chuck chuck.ck:9001
9000 => int port;
if (me.args()) Std.atoi(me.arg(0)) => port;

16 => int SLOTS; // a slot is somebody's until he leaves; then a new hand may get it
int id[SLOTS];   // 0: nobody. An id is never used again
float x[SLOTS], y[SLOTS], open[SLOTS];
int waves[SLOTS]; // 1 while it does, if a stage `gestures` is wired

TriOsc voice[SLOTS];
Pan2 side[SLOTS];
for (0 => int i; i < SLOTS; i++) {
    0 => voice[i].gain;
    voice[i] => side[i] => dac;
}

OscIn in;
OscMsg msg;
port => in.port;
in.addAddress("/hands/hand");
in.addAddress("/hands/alive");
in.addAddress("/hands/gesture");

// Called after each frame: here you play.
fun void frame() {
    for (0 => int i; i < SLOTS; i++) {
        if (id[i]) {
            880 * Math.pow(2, waves[i] - 3 * y[i]) => voice[i].freq;
            2 * x[i] - 1 => side[i].pan;
            0.02 + 0.05 * open[i] => voice[i].gain;
        } else 0 => voice[i].gain;
    }
}

fun int alive(int who) {
    for (0 => int i; i < msg.numArgs(); i++) if (msg.getInt(i) == who) return true;
    return false;
}

while (true) {
    in => now;
    while (in.recv(msg)) {
        if (msg.address == "/hands/hand") {
            // id slot state zone x y w h vx vy confidence age open
            msg.getInt(1) => int slot;
            if (msg.getInt(2) == 3 || slot >= SLOTS) continue; // 3: leaving
            msg.getInt(0) => id[slot];
            msg.getFloat(4) => x[slot];
            msg.getFloat(5) => y[slot];
            msg.getFloat(12) => open[slot];
        } else if (msg.address == "/hands/gesture") {
            // name id id2 phase ...; phase 0: it begins, 1: it goes on, 2: it ends
            if (msg.getString(0) != "wave") continue;
            for (0 => int i; i < SLOTS; i++) if (id[i] == msg.getInt(1)) msg.getInt(3) != 2 => waves[i];
        } else {
            // Ends a frame, or a part of a large one: whoever is not in it has left.
            for (0 => int i; i < SLOTS; i++) if (id[i] && !alive(id[i])) 0 => id[i] => waves[i];
            frame();
        }
    }
}
