// ofxOsc as its documentation has it, over oscpack, which is what it is made of.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <oscpack/ip/UdpSocket.h>
#include <oscpack/osc/OscPacketListener.h>
#include <string>
#include <thread>
#include <vector>

class ofxOscMessage {
public:
    std::string getAddress() const { return address; }
    std::size_t getNumArgs() const { return numbers.size(); }
    std::int32_t getArgAsInt32(std::size_t n) const { return static_cast<std::int32_t>(numbers.at(n)); }
    std::string getArgAsString(std::size_t n) const { return texts.at(n); }
    float getArgAsFloat(std::size_t n) const { return static_cast<float>(numbers.at(n)); }

    std::string address;
    std::vector<double> numbers;     // one for each argument; a text's is 0
    std::vector<std::string> texts;  // likewise; a number's is empty
};

class ofxOscReceiver : public osc::OscPacketListener {
public:
    bool setup(int port) {
        const IpEndpointName here(IpEndpointName::ANY_ADDRESS, port);
        socket = std::make_unique<UdpListeningReceiveSocket>(here, this);
        thread = std::thread([this] { socket->Run(); });
        return true;
    }
    ~ofxOscReceiver() override {
        if (!socket) return;
        socket->AsynchronousBreak();
        thread.join();
    }
    bool getNextMessage(ofxOscMessage& message) {
        const std::lock_guard<std::mutex> hold(lock);
        if (waiting.empty()) return false;
        message = waiting.front();
        waiting.pop_front();
        return true;
    }

private:
    void ProcessMessage(const osc::ReceivedMessage& m, const IpEndpointName&) override {
        ofxOscMessage message;
        message.address = m.AddressPattern();
        for (auto a = m.ArgumentsBegin(); a != m.ArgumentsEnd(); ++a) {
            message.numbers.push_back(a->IsInt32() ? a->AsInt32() : a->IsFloat() ? a->AsFloat() : 0);
            message.texts.push_back(a->IsString() ? a->AsString() : "");
        }
        const std::lock_guard<std::mutex> hold(lock);
        waiting.push_back(message);
    }

    std::unique_ptr<UdpListeningReceiveSocket> socket;
    std::thread thread;
    std::mutex lock;
    std::deque<ofxOscMessage> waiting;
};
