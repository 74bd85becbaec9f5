// Prints the hands in pictures, a JSON line each, as `handflow detect --no-track` does:
//
//     g++ -O2 -std=c++17 hands.cpp -o hands $(pkg-config --cflags --libs opencv4)
//     ./hands hands.onnx near 0.4 a.png b.png
#include "hands.hpp"

#include <opencv2/imgcodecs.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>

// A path as JSON has it.
static std::string quoted(const std::string& path) {
    std::string text;
    for (const char c : path) text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return text;
}

int main(int count, char** words) {
    const std::map<std::string, cv::Size> profiles{
        {"near", handflow::NEAR_SIZE}, {"mid", handflow::MID_SIZE}, {"far", handflow::FAR_SIZE}};
    if (count < 5 || !profiles.count(words[2])) {
        std::fprintf(stderr, "hands MODEL near|mid|far MIN_SCORE PICTURE...\n");
        return 2;
    }
    try {
        handflow::Finder finder(words[1], profiles.at(words[2]));
        for (int n = 4; n < count; n++) {
            const cv::Mat picture = cv::imread(words[n]);
            if (picture.empty()) {
                std::fprintf(stderr, "%s: no such picture, or not one that OpenCV can read\n", words[n]);
                return 1;
            }
            std::printf("{\"source\": \"%s\", \"frame\": 0, \"t\": 0.0, \"width\": %d, \"height\": %d, \"hands\": [",
                        quoted(words[n]).c_str(), picture.cols, picture.rows);
            const char* comma = "";
            for (const handflow::Hand& hand : finder.find(picture, float(std::atof(words[3])))) {
                std::printf("%s{\"id\": null, \"x\": %.5f, \"y\": %.5f, \"radius\": %.5f, \"score\": %.4f, \"open\": %.4f}",
                            comma, hand.x, hand.y, hand.radius, hand.score, hand.open);
                comma = ", ";
            }
            std::printf("]}\n");
        }
    } catch (const cv::Exception& error) {
        std::fprintf(stderr, "%s: %s\n", words[1], error.what());
        return 1;
    }
    return 0;
}
