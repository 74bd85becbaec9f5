// Prints the hands that `osc` sends in the layout `hands`, with oscpack: the library inside openFrameworks' ofxOsc.
//
// apt-get install liboscpack-dev; g++ -O1 osc_hands.cpp -loscpack -o osc_hands; ./osc_hands [9000]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <oscpack/ip/UdpSocket.h>
#include <oscpack/osc/OscPacketListener.h>
#include <set>

struct Hand {
    float x, y, open;
};

class Hands : public osc::OscPacketListener {
    std::map<int, Hand> hands;

    void ProcessMessage(const osc::ReceivedMessage& message, const IpEndpointName&) override {
        const char* address = message.AddressPattern();
        auto arguments = message.ArgumentStream();
        if (!std::strcmp(address, "/hands/hand")) {
            osc::int32 id, slot, state, zone;
            float x, y, w, h, vx, vy, confidence, age, open;
            arguments >> id >> slot >> state >> zone >> x >> y >> w >> h >> vx >> vy >> confidence >> age >> open;
            if (state != 3) hands[id] = {x, y, open}; // 3: leaving
        } else if (!std::strcmp(address, "/hands/alive")) {
            // Ends a frame, or a part of a large one: whoever is not in it has left.
            std::set<int> alive;
            for (auto a = message.ArgumentsBegin(); a != message.ArgumentsEnd(); ++a) alive.insert(a->AsInt32());
            for (auto hand = hands.begin(); hand != hands.end();)
                hand = alive.count(hand->first) ? std::next(hand) : hands.erase(hand);
            print();
        } else if (!std::strcmp(address, "/hands/enter") || !std::strcmp(address, "/hands/leave")) {
            osc::int32 id, slot;
            float x, y;
            arguments >> id >> slot >> x >> y;
            std::printf("%s %d %d %g %g\n", address + 7, static_cast<int>(id), static_cast<int>(slot), x, y);
        } else if (!std::strcmp(address, "/hands/gesture")) {
            const char* name;
            osc::int32 id, second, phase; // phase 0: it begins; 1: it goes on; 2: it ends
            arguments >> name >> id >> second >> phase;
            if (!std::strcmp(name, "wave") && phase == 0) std::printf("%d waves: hello!\n", static_cast<int>(id));
        }
        std::fflush(stdout);
    }

    void print() const {
        const char* comma = "";
        for (const auto& [id, hand] : hands) {
            std::printf("%s%d at %.2f %.2f%s", comma, id, hand.x, hand.y, hand.open >= 0.5f ? " open" : "");
            comma = ", ";
        }
        std::puts(hands.empty() ? "no hands" : "");
    }
};

int main(int count, char** arguments) {
    Hands hands;
    const int port = count > 1 ? std::atoi(arguments[1]) : 9000;
    UdpListeningReceiveSocket socket(IpEndpointName(IpEndpointName::ANY_ADDRESS, port), &hands);
    socket.RunUntilSigInt();
}
