// Plots as inline SVG that take their colours from the page's style: --ink, --soft, --line, --accent, --second.
#pragma once

#include <string>
#include <vector>

#include "measure/measure.h"

namespace pictor {

struct PlotRow {
  std::string label;
  Estimate value;
};

struct PlotLine {
  std::string label;
  std::vector<std::pair<std::string, Estimate>> points;  // what stands below, and the value
};

// A dot with its interval a row, on an axis that holds them all, and 0 where differences are shown.
std::string interval_plot(const std::string& title, const std::vector<PlotRow>& rows, bool differences);
// Lines over the same points, with bands for the intervals; between 0 and 1.
std::string line_plot(const std::string& title, const std::vector<PlotLine>& lines);
// How many queries have a value in each tenth from 0 to 1.
std::string histogram_plot(const std::string& title, const std::vector<double>& values);
// A bar a query, the largest first, up for better and down for worse.
std::string difference_plot(const std::string& title, std::vector<double> differences);

}  // namespace pictor
