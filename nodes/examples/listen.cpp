// Prints the hands that a `publish` node sends. On Debian:
//
// apt-get install libzmq3-dev cppzmq-dev nlohmann-json3-dev
// g++ -std=c++17 -O2 listen.cpp -lzmq -o listen && ./listen [tcp://127.0.0.1:5570]

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>
#include <zmq.hpp>

int main(int count, char** arguments) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::sub);
    socket.connect(count > 1 ? arguments[1] : "tcp://127.0.0.1:5570");  // in any order: it connects when it can
    socket.set(zmq::sockopt::subscribe, "hands");                       // the topic; without it nothing comes

    zmq::message_t topic, line;
    while (true) {
        (void)socket.recv(topic);
        (void)socket.recv(line);
        // A game wants the newest frame: what is older is skipped.
        while (socket.recv(topic, zmq::recv_flags::dontwait)) (void)socket.recv(line);

        const auto frame = nlohmann::json::parse(line.to_string_view());
        std::string text;
        for (const auto& hand : frame["hands"]) {
            char part[80];
            std::snprintf(part, sizeof part, "%s%d at %.2f %.2f%s", text.empty() ? "" : ", ", hand["id"].get<int>(),
                          hand["x"].get<double>(), hand["y"].get<double>(), hand["open"] >= 0.5 ? " open" : "");
            text += part;
        }
        std::printf("frame %d: %s\n", frame["frame"].get<int>(), text.empty() ? "no hands" : text.c_str());
        // If a stage `gestures` is wired.
        for (const auto& gesture : frame.value("gestures", nlohmann::json::array()))
            if (gesture["name"] == "wave" && gesture["phase"] == "start")
                std::printf("%d waves: hello!\n", gesture["hands"][0].get<int>());
        std::fflush(stdout);
    }
}
