#include "cli/eval_plot.h"

#include <algorithm>
#include <cmath>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr double kWidth = 640;
constexpr double kLabel = 190;  // room for the labels of rows
constexpr double kRight = 16;
constexpr std::size_t kLabelColumns = 26;
constexpr std::size_t kBarsMax = 400;

std::string number(double value) { return fixed(value, 1); }

std::string attributes(const std::string& name, std::initializer_list<std::pair<const char*, std::string>> list) {
  std::string text = "<" + name;
  for (const auto& [key, value] : list) text += std::string(" ") + key + "=\"" + html_escape(value) + "\"";
  return text;
}

std::string svg_line(double x1, double y1, double x2, double y2, const char* kind) {
  return attributes("line",
                    {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"class", kind}}) +
         "/>\n";
}

std::string svg_text(double x, double y, const char* anchor, const std::string& text) {
  return attributes("text", {{"x", number(x)}, {"y", number(y)}, {"text-anchor", anchor}}) + ">" + html_escape(text) +
         "</text>\n";
}

std::string tip(const std::string& text) { return "<title>" + html_escape(text) + "</title>"; }

std::string svg_begin(const std::string& title, double height) {
  return "<figure><figcaption>" + html_escape(title) + "</figcaption>\n" +
         attributes(
             "svg",
             {{"viewBox", "0 0 " + number(kWidth) + " " + number(height)}, {"role", "img"}, {"aria-label", title}}) +
         ">\n";
}

std::string value_text(const Estimate& one) {
  return fixed(one.mean, 3) + " (" + fixed(one.low, 3) + " to " + fixed(one.high, 3) + ")";
}

// From a value to a place on a line of pixels.
struct PlotScale {
  double least = 0, most = 1, from = 0, to = 1;
  double at(double value) const { return from + (to - from) * (value - least) / (most - least); }
};

// Ends on tenths, twentieths, hundredths: whichever suits the width.
PlotScale scale_of(const std::vector<PlotRow>& rows, bool differences) {
  PlotScale scale{differences ? -0.01 : 0, differences ? 0.01 : 1, kLabel, kWidth - kRight};
  if (!differences) return scale;
  for (const PlotRow& row : rows) {
    scale.least = std::min(scale.least, row.value.low);
    scale.most = std::max(scale.most, row.value.high);
  }
  const double step = std::pow(10, std::floor(std::log10(scale.most - scale.least)));
  scale.least = std::floor(scale.least / step) * step;
  scale.most = std::ceil(scale.most / step) * step;
  return scale;
}

}  // namespace

std::string interval_plot(const std::string& title, const std::vector<PlotRow>& rows, bool differences) {
  constexpr double kRow = 24;
  const double bottom = kRow * static_cast<double>(rows.size()) + 8;
  const PlotScale scale = scale_of(rows, differences);
  std::string svg = svg_begin(title, bottom + 22);
  for (int tick = 0; tick <= 4; ++tick) {
    const double value = scale.least + (scale.most - scale.least) * tick / 4;
    svg += svg_line(scale.at(value), 0, scale.at(value), bottom, "grid") +
           svg_text(scale.at(value), bottom + 16, tick == 4 ? "end" : "middle", fixed(value, 3));
  }
  if (differences) svg += svg_line(scale.at(0), 0, scale.at(0), bottom, "zero");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = kRow * (static_cast<double>(i) + 0.5) + 4;
    const Estimate& value = rows[i].value;
    svg += "<g>" + tip(rows[i].label + ": " + value_text(value));
    svg += svg_text(kLabel - 12, y + 4, "end", cut_end(rows[i].label, kLabelColumns));
    svg += svg_line(scale.at(value.low), y, scale.at(value.high), y, "bar");
    svg += attributes("circle",
                      {{"cx", number(scale.at(value.mean))}, {"cy", number(y)}, {"r", "4.5"}, {"class", "dot"}}) +
           "/></g>\n";
  }
  return svg + "</svg></figure>\n";
}

std::string line_plot(const std::string& title, const std::vector<PlotLine>& lines) {
  constexpr double kHeight = 220;
  const PlotScale up{0, 1, kHeight - 4, 12};
  std::string svg = svg_begin(title, kHeight + 24);
  for (int tick = 0; tick <= 4; ++tick) {
    svg += svg_line(44, up.at(tick / 4.0), kWidth - 110, up.at(tick / 4.0), "grid") +
           svg_text(36, up.at(tick / 4.0) + 4, "end", fixed(tick / 4.0, 2));
  }
  for (std::size_t which = 0; which < lines.size(); ++which) {
    const PlotLine& line = lines[which];
    if (line.points.empty()) continue;
    const PlotScale across{0, std::max(1.0, static_cast<double>(line.points.size() - 1)), 60, kWidth - 124};
    std::string path, band, dots;
    for (std::size_t i = 0; i < line.points.size(); ++i) {
      const auto& [label, value] = line.points[i];
      const double x = across.at(static_cast<double>(i));
      path += (i == 0 ? "M" : "L") + number(x) + " " + number(up.at(value.mean));
      band += (i == 0 ? "M" : "L") + number(x) + " " + number(up.at(value.high));
      dots += attributes("circle",
                         {{"cx", number(x)}, {"cy", number(up.at(value.mean))}, {"r", "3.5"}, {"class", "point"}}) +
              ">" + tip(line.label + ", " + label + ": " + value_text(value)) + "</circle>\n";
      if (which == 0 && (line.points.size() <= 10 || i == 0 || i + 1 == line.points.size())) {
        svg += svg_text(x, kHeight + 16, "middle", label);
      }
    }
    for (std::size_t i = line.points.size(); i-- > 0;) {
      band += "L" + number(across.at(static_cast<double>(i))) + " " + number(up.at(line.points[i].second.low));
    }
    // A legend of its own: lines that end at one place would have their names there.
    const double legend = up.at(1) + 6 + 18 * static_cast<double>(which);
    const std::string sample =
        attributes("circle", {{"cx", number(kWidth - 98)}, {"cy", number(legend - 4)}, {"r", "4"}, {"class", "point"}});
    band += "Z";
    svg += attributes("g", {{"class", "line" + std::to_string(which)}}) + ">";
    svg += attributes("path", {{"d", band}, {"class", "band"}}) + "/>";
    svg += attributes("path", {{"d", path}, {"class", "path"}}) + "/>\n";
    svg += dots;
    svg += sample + "/>";
    svg += svg_text(kWidth - 88, legend, "start", line.label) + "</g>\n";
  }
  return svg + "</svg></figure>\n";
}

std::string histogram_plot(const std::string& title, const std::vector<double>& values) {
  constexpr double kHeight = 180;
  constexpr std::size_t kBins = 10;
  std::vector<std::size_t> counts(kBins);
  for (const double value : values) {
    ++counts[std::min(kBins - 1, static_cast<std::size_t>(std::clamp(value, 0.0, 1.0) * kBins + 1e-9))];
  }
  const auto most = static_cast<double>(std::max<std::size_t>(1, *std::max_element(counts.begin(), counts.end())));
  const double step = (kWidth - 64 - kRight) / kBins;
  std::string svg = svg_begin(title, kHeight + 24);
  svg += svg_line(64, kHeight, kWidth - kRight, kHeight, "grid");
  for (std::size_t i = 0; i < kBins; ++i) {
    const double height = (kHeight - 24) * static_cast<double>(counts[i]) / most;
    const double x = 64 + step * static_cast<double>(i);
    svg += attributes("rect", {{"x", number(x + 2)},
                               {"y", number(kHeight - height)},
                               {"width", number(step - 4)},
                               {"height", number(height)},
                               {"class", "fill"}}) +
           ">" +
           tip(plural(counts[i], "query", "queries") + " from " + fixed(static_cast<double>(i) / kBins, 1) + " to " +
               fixed(static_cast<double>(i + 1) / kBins, 1)) +
           "</rect>\n";
    if (counts[i] > 0) svg += svg_text(x + step / 2, kHeight - height - 5, "middle", with_commas(counts[i]));
    svg += svg_text(x, kHeight + 16, "middle", fixed(static_cast<double>(i) / kBins, 1));
  }
  return svg + svg_text(kWidth - kRight, kHeight + 16, "middle", "1") + "</svg></figure>\n";
}

std::string difference_plot(const std::string& title, std::vector<double> differences) {
  constexpr double kHeight = 200;
  std::sort(differences.begin(), differences.end(), std::greater<>());
  if (differences.size() > kBarsMax) {  // each bar stands for its neighbours
    std::vector<double> fewer(kBarsMax);
    for (std::size_t i = 0; i < kBarsMax; ++i) fewer[i] = differences[i * differences.size() / kBarsMax];
    differences = std::move(fewer);
  }
  double most = 0.01;
  for (const double one : differences) most = std::max(most, std::abs(one));
  const PlotScale up{-most, most, kHeight - 6, 6};
  std::string svg = svg_begin(title, kHeight);
  for (const double tick : {-most, 0.0, most}) {
    svg += svg_line(64, up.at(tick), kWidth - kRight, up.at(tick), tick == 0 ? "zero" : "grid") +
           svg_text(56, up.at(tick) + 4, "end", fixed(tick, 2));
  }
  const double step = (kWidth - 64 - kRight) / static_cast<double>(std::max<std::size_t>(1, differences.size()));
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (differences[i] == 0) continue;
    const double top = std::min(up.at(differences[i]), up.at(0));
    svg += attributes("rect", {{"x", number(64 + step * static_cast<double>(i))},
                               {"y", number(top)},
                               {"width", number(std::max(0.5, step * 0.8))},
                               {"height", number(std::abs(up.at(differences[i]) - up.at(0)))},
                               {"class", differences[i] > 0 ? "fill" : "fill worse"}}) +
           "/>\n";
  }
  return svg + "</svg></figure>\n";
}

}  // namespace pictor
