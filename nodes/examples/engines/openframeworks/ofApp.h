#pragma once

#include "ofMain.h"
#include "ofxOsc.h"

// Draws the hands that handflow sends in the layout `hands`. Add ofxOsc to the project (projectGenerator, Addons).
class ofApp : public ofBaseApp {
public:
    void setup() override;
    void update() override;
    void draw() override;

private:
    struct Hand {
        glm::vec2 place;    // 0..1, origin top left
        glm::vec2 velocity; // per second
        float width = 0;    // of the hand, 0..1 of the picture's width
        float open = 0;     // 0..1, that it is an open palm
        bool waves = false; // told where a stage `gestures` is wired
    };

    ofxOscReceiver receiver;
    std::map<int, Hand> hands; // by id; an id is never used again
};
