"""MediaPipe Hands over a clip, as its documentation has it: video, two hands. `mediapipe_hands.py CLIP`"""

import json
import resource
import sys
import time

import cv2
import mediapipe

WARM = 10  # frames that are not counted: models load with the first ones


def main(clip: str) -> None:
    hands = mediapipe.solutions.hands.Hands(static_image_mode=False, max_num_hands=2, model_complexity=1)
    capture = cv2.VideoCapture(clip)
    frames = found = 0
    begun = used = 0.0
    while True:
        good, image = capture.read()
        if not good:
            break
        seen = hands.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_hand_landmarks or []
        frames += 1
        if frames == WARM:
            begun, used = time.monotonic(), cpu_s()
        if frames > WARM:
            found += len(seen)
    counted = frames - WARM
    print(json.dumps({"frames": counted, "seconds": time.monotonic() - begun, "cpu_s": cpu_s() - used, "hands": found}))


def cpu_s() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


if __name__ == "__main__":
    main(sys.argv[1])
