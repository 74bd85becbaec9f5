// hands.hpp: finds hands in a picture with handflow's hands.onnx and OpenCV alone (4.6 or newer), as `handflow detect
// --no-track --precision fp32` does. For openFrameworks, macOS, Windows, or whatever has no Python.
//
//     handflow::Finder finder("hands.onnx", handflow::NEAR_SIZE);
//     for (const handflow::Hand& hand : finder.find(picture)) ...      // cv::Mat, 8 bits, BGR
//
// An ofImage becomes such a picture by
//     cv::Mat rgb(image.getHeight(), image.getWidth(), CV_8UC3, image.getPixels().getData()), bgr;
//     cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
//
// One Finder for each thread. There is no tracking here: hands have no identity.
#pragma once

#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace handflow {

struct Hand {
    float x, y;    // the middle: 0..1 of the picture's width and height, origin top left, y down
    float radius;  // half of the longer side of the hand's box, 0..1 of the picture's width
    float score;   // 0..1, that it is a hand
    float open;    // 0..1, that it is an open palm facing the camera
};

// What the model file says of itself and cv::dnn does not tell; a test compares them.
const int STRIDE = 4;     // pixels of the input per cell of the maps
const int MULTIPLE = 32;  // of which the input's height and width are multiples
const cv::Size NEAR_SIZE(224, 128), MID_SIZE(288, 160), FAR_SIZE(352, 192);  // a wide picture's; others get as many pixels

const double MERGE = 0.5;  // of a hand's radius: a weaker peak that is closer is the same hand

// A picture as the network takes it, and how its cells lie in the picture.
struct Prepared {
    cv::Mat tensor;         // (1, 3, height, width), bytes
    cv::Point2d cell;       // 0..1 of the picture's width and height per cell
    cv::Point2d corner;     // where the tensor's corner lies in the picture
};

// The input for a picture of this size: of about as many pixels as `budget`, in multiples that the network needs, showing
// the picture as large as it can be without losing its shape.
inline cv::Size input_size(cv::Size picture, cv::Size budget) {
    const double width = picture.width, height = picture.height;
    if (std::abs(std::log(width * budget.height / (height * budget.width))) < 0.1) return budget;
    const double most = 1.1 * budget.width * budget.height;
    cv::Size best;
    double largest = 0;
    for (int across = MULTIPLE; across * MULTIPLE <= most; across += MULTIPLE)
        for (int down = MULTIPLE; across * down <= most; down += MULTIPLE) {
            const double fit = std::min(across / width, down / height);
            if (fit > largest || (fit == largest && across * down < best.area())) best = {across, down}, largest = fit;
        }
    return best;
}

// Light of one colour made weaker: where the channels' means differ by more than twice, the darker ones become brighter.
inline cv::Mat in_even_light(const cv::Mat& picture) {
    cv::Scalar mean = cv::mean(picture);
    for (int c = 0; c < 3; c++) mean[c] = std::max(mean[c], 4.0);
    const double most = std::max({mean[0], mean[1], mean[2]}), ratio = most / std::min({mean[0], mean[1], mean[2]});
    if (ratio <= 2) return picture;
    cv::Mat table(1, 256, CV_8UC3), lit;
    for (int n = 0; n < 768; n++)
        table.data[n] = static_cast<uchar>(std::min(255.0, n / 3 * std::pow(most / mean[n % 3], 0.7 * std::min(1.0, ratio - 2))));
    cv::LUT(picture, table, lit);
    return lit;
}

// Scales the picture into a tensor of `size`, between black bars where their shapes differ by over 1.5 %.
inline Prepared prepare(const cv::Mat& picture, cv::Size size) {
    CV_Assert(picture.type() == CV_8UC3 && !picture.empty());
    cv::Size inner = size;
    if (std::abs(std::log(double(size.width) * picture.rows / (double(size.height) * picture.cols))) > 0.015) {
        const double fit = std::min(double(size.width) / picture.cols, double(size.height) / picture.rows);
        inner = {std::max(1, cvRound(picture.cols * fit)), std::max(1, cvRound(picture.rows * fit))};
    }
    cv::Mat shrunk = picture;
    while (shrunk.cols > 4 * inner.width && shrunk.rows > 4 * inner.height) {
        cv::Mat half;
        cv::resize(shrunk, half, cv::Size(shrunk.cols / 2, shrunk.rows / 2), 0, 0, cv::INTER_LINEAR);
        shrunk = half;
    }
    cv::Mat scaled;
    cv::resize(shrunk, scaled, inner, 0, 0, cv::INTER_LINEAR);
    scaled = in_even_light(scaled);
    const cv::Point at((size.width - inner.width) / 2, (size.height - inner.height) / 2);
    cv::Mat whole(size, CV_8UC3, cv::Scalar::all(0));
    scaled.copyTo(whole(cv::Rect(at, inner)));
    Prepared prepared;
    const int shape[] = {1, 3, size.height, size.width};
    prepared.tensor.create(4, shape, CV_8U);
    std::vector<cv::Mat> planes;
    for (int c = 0; c < 3; c++) planes.emplace_back(size, CV_8U, prepared.tensor.ptr(0, c));
    cv::split(whole, planes);
    prepared.cell = {double(STRIDE) / inner.width, double(STRIDE) / inner.height};
    prepared.corner = {-double(at.x) / inner.width, -double(at.y) / inner.height};
    return prepared;
}

// The cells that reach `least` and are the largest of their 5x5 neighbourhood, best first. A plateau counts once.
inline std::vector<cv::Point> maxima(const cv::Mat& values, float least) {
    cv::Mat largest;
    cv::dilate(values, largest, cv::Mat::ones(5, 5, CV_8U));
    std::vector<cv::Point> found, kept;
    for (int row = 0; row < values.rows; row++)
        for (int column = 0; column < values.cols; column++) {
            const float value = values.at<float>(row, column);
            if (value >= least && value == largest.at<float>(row, column)) found.emplace_back(column, row);
        }
    const auto better = [&](cv::Point a, cv::Point b) { return values.at<float>(a) > values.at<float>(b); };
    std::stable_sort(found.begin(), found.end(), better);
    if (found.size() > 256) found.resize(256);  // a map with more is noise
    for (auto place = found.begin(); place != found.end(); ++place) {
        const auto close = [&](cv::Point p) { return std::abs(p.x - place->x) <= 2 && std::abs(p.y - place->y) <= 2; };
        if (std::none_of(found.begin(), place, close)) kept.push_back(*place);
    }
    return kept;
}

// The 3x3 cells around a place; beyond the map's edge it is mirrored, so that nothing pulls there.
inline cv::Matx33f neighbourhood(const cv::Mat& values, cv::Point place) {
    const auto mirrored = [](int at, int size) {
        at = std::abs(at);
        return std::max(0, std::min(at, 2 * (size - 1) - at));
    };
    cv::Matx33f cells;
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            cells(y, x) = values.at<float>(mirrored(place.y + y - 1, values.rows), mirrored(place.x + x - 1, values.cols));
    return cells;
}

// Where the parabola through the logarithms of the cells has its top: -0.5..0.5 cells from the middle one, x and y.
inline cv::Point2d subpixel(const cv::Matx33f& cells) {
    double along[2][3] = {};  // summed across: along x, along y
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
            const double log = std::log(std::max(cells(y, x), 1e-6f));
            along[0][x] += log;
            along[1][y] += log;
        }
    double step[2];
    for (int axis = 0; axis < 2; axis++) {
        const double* line = along[axis];
        const double bend = line[0] - 2 * line[1] + line[2];
        step[axis] = bend > -1e-6 ? 0 : (line[0] - line[2]) / (2 * bend);  // flat: no top to find
    }
    return {std::max(-0.5, std::min(step[0], 0.5)), std::max(-0.5, std::min(step[1], 0.5))};
}

class Finder {
public:
    explicit Finder(const std::string& model, cv::Size budget = NEAR_SIZE)
        : network(cv::dnn::readNetFromONNX(model)), budget(budget) {}

    // The hands in a picture, best first. 0.4 is what starts a hand in handflow's tracker.
    std::vector<Hand> find(const cv::Mat& picture, float least = 0.4f) {
        const Prepared prepared = prepare(picture, input_size(picture.size(), budget));
        network.setInput(prepared.tensor, "image");
        std::vector<cv::Mat> maps;
        network.forward(maps, std::vector<std::string>{"any", "open", "radius"});
        const cv::Mat any = map(maps[0]), open = map(maps[1]), radius = map(maps[2]);
        std::vector<Hand> hands;
        for (const cv::Point place : maxima(any, least)) {
            const cv::Point2d step = subpixel(neighbourhood(any, place));
            const double x = (place.x + 0.5 + step.x) * prepared.cell.x + prepared.corner.x;
            const double y = (place.y + 0.5 + step.y) * prepared.cell.y + prepared.corner.y;
            if (x < -prepared.cell.x || x > 1 + prepared.cell.x || y < -prepared.cell.y || y > 1 + prepared.cell.y)
                continue;  // in the black bars
            const cv::Matx33f opens = neighbourhood(open, place);  // the two maps may peak one cell apart
            const Hand hand{float(std::max(0.0, std::min(x, 1.0))), float(std::max(0.0, std::min(y, 1.0))),
                            float(radius.at<float>(place) * prepared.cell.x), any.at<float>(place),
                            *std::max_element(opens.val, opens.val + 9)};
            // A large hand has peaks on its fingers as well.
            const double aspect = double(picture.rows) / picture.cols;
            const auto same = [&](const Hand& better) {
                return std::hypot(hand.x - better.x, (hand.y - better.y) * aspect) <= MERGE * better.radius;
            };
            if (std::none_of(hands.begin(), hands.end(), same)) hands.push_back(hand);
        }
        return hands;
    }

private:
    // (1, 1, rows, columns) -> (rows, columns)
    static cv::Mat map(const cv::Mat& output) {
        return cv::Mat(output.size[2], output.size[3], CV_32F, const_cast<float*>(output.ptr<float>())).clone();
    }

    cv::dnn::Net network;
    cv::Size budget;
};

}  // namespace handflow
