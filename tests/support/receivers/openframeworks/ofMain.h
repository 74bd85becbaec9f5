// As much of openFrameworks as the example uses, so that it can be compiled and fed without it.
#pragma once

#include <iostream>
#include <map>
#include <sstream>
#include <string>

namespace glm {
struct vec2 {
    float x = 0, y = 0;
};
}  // namespace glm

struct ofColor {
    static const ofColor gold, white;
};
inline const ofColor ofColor::gold{}, ofColor::white{};

class ofBaseApp {
public:
    virtual ~ofBaseApp() = default;
    virtual void setup() {}
    virtual void update() {}
    virtual void draw() {}
};

// Prints its line when it goes.
class ofLogNotice {
public:
    ~ofLogNotice() { std::cout << line.str() << std::endl; }
    template <class T> ofLogNotice& operator<<(const T& what) {
        line << what;
        return *this;
    }

private:
    std::ostringstream line;
};

inline int ofGetWidth() { return 1600; }
inline int ofGetHeight() { return 900; }
inline void ofBackground(int) {}
inline void ofSetColor(const ofColor&) {}
inline int circles = 0;  // that were drawn
inline void ofDrawCircle(float, float, float) { circles++; }
