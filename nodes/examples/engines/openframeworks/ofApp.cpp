#include "ofApp.h"

#include <set>

void ofApp::setup() {
    receiver.setup(9000);
}

void ofApp::update() {
    ofxOscMessage message;
    while (receiver.getNextMessage(message)) {
        const std::string address = message.getAddress();
        if (address == "/hands/hand") {
            // id slot state zone x y w h vx vy confidence age open
            if (message.getArgAsInt32(2) == 3) continue; // leaving
            Hand& hand = hands[message.getArgAsInt32(0)];
            hand.place = {message.getArgAsFloat(4), message.getArgAsFloat(5)};
            hand.width = message.getArgAsFloat(6);
            hand.velocity = {message.getArgAsFloat(8), message.getArgAsFloat(9)};
            hand.open = message.getArgAsFloat(12);
        } else if (address == "/hands/alive") {
            // Ends a frame, or a part of a large one: whoever is not in it has left.
            std::set<int> alive;
            for (size_t i = 0; i < message.getNumArgs(); i++) alive.insert(message.getArgAsInt32(i));
            for (auto hand = hands.begin(); hand != hands.end();)
                hand = alive.count(hand->first) ? std::next(hand) : hands.erase(hand);
        } else if (address == "/hands/gesture" && message.getArgAsString(0) == "wave") {
            // name id id2 phase ...; phase 0: it begins, 1: it goes on, 2: it ends
            auto hand = hands.find(message.getArgAsInt32(1));
            if (hand != hands.end()) hand->second.waves = message.getArgAsInt32(3) != 2;
        } else if (address == "/hands/enter") {
            ofLogNotice() << "hand " << message.getArgAsInt32(0) << " came";
        } else if (address == "/hands/leave") {
            ofLogNotice() << "hand " << message.getArgAsInt32(0) << " went";
        }
    }
}

void ofApp::draw() {
    ofBackground(0);
    for (const auto& [id, hand] : hands) {
        ofSetColor(hand.open >= 0.5f ? ofColor::gold : ofColor::white);
        const float radius = hand.width / 2 * ofGetWidth() * (hand.waves ? 2 : 1);
        ofDrawCircle(hand.place.x * ofGetWidth(), hand.place.y * ofGetHeight(), radius);
    }
}
