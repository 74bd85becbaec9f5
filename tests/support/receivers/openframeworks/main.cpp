// Runs the example as openFrameworks does, and prints its hands when they have changed.
#include "ofMain.h"
#include "ofxOsc.h"

#include <chrono>
#define private public  // its hands
#include "ofApp.h"

int main() {
    ofApp app;
    app.setup();
    std::string last;
    while (true) {
        app.update();
        std::ostringstream line;
        line << "hands:";
        for (const auto& [id, hand] : app.hands)
            line << " " << id << " " << hand.place.x << " " << hand.place.y << " " << hand.open;
        circles = 0;
        app.draw();
        if (circles != static_cast<int>(app.hands.size())) return 1;
        if (line.str() != last) std::cout << line.str() << std::endl;
        last = line.str();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}
