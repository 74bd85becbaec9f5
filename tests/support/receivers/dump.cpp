// Prints every OSC message that comes to a port as a line of JSON, decoded by oscpack.
#include <cstdio>
#include <cstdlib>
#include <oscpack/ip/UdpSocket.h>
#include <oscpack/osc/OscPacketListener.h>

struct Dump : osc::OscPacketListener {
    void ProcessMessage(const osc::ReceivedMessage& m, const IpEndpointName&) override {
        const char* tags = m.TypeTags();
        std::printf("[\"%s\",\"%s\",[", m.AddressPattern(), tags ? tags : "");
        const char* comma = "";
        for (auto a = m.ArgumentsBegin(); a != m.ArgumentsEnd(); ++a, comma = ",") {
            std::printf("%s", comma);
            if (a->IsInt32()) std::printf("%d", static_cast<int>(a->AsInt32()));
            else if (a->IsFloat()) std::printf("%.9g", a->AsFloat());
            else if (a->IsString()) std::printf("\"%s\"", a->AsString());
            else if (a->IsTimeTag()) {
                const unsigned long long tag = a->AsTimeTag();
                std::printf("[%llu,%llu]", tag >> 32, tag & 0xffffffff);
            } else std::printf("null");
        }
        std::printf("]]\n");
        std::fflush(stdout);
    }
};

int main(int, char** arguments) {
    Dump dump;
    UdpListeningReceiveSocket socket(IpEndpointName(IpEndpointName::ANY_ADDRESS, std::atoi(arguments[1])), &dump);
    socket.Run();
}
