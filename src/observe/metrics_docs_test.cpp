// docs/reference/metrics.md is that of the table, and the dashboard names nothing that the table has not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

std::string kind_of(const MetricRow& row) {
  switch (row.kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "";
}

std::string labels_of(const MetricRow& row) {
  std::string text(row.label);
  if (!row.values.empty()) {
    text += ":";
    for (const std::string_view value : row.values) text += " `" + std::string(value) + "`";
  } else if (row.series_max > 1) {
    text += " (" + std::to_string(row.series_max) + " at most)";
  }
  if (!row.label_2.empty()) text += ", " + std::string(row.label_2);
  return text;
}

std::string metrics_page() {
  std::string page =
      "# Metrics\n\nWhat `GET /metrics` has, in the text format of Prometheus. Written from the table of the code "
      "(`src/observe/metrics_table.cpp`);\na test holds it against that (`PICTOR_WRITE_DOCS=1` writes it anew). "
      "[Watch a server](../how/watch.md) says what to look at.\n\nA histogram is three names: `_bucket`, `_sum` and "
      "`_count`. Whoever may ask is in [roles.md](roles.md): it needs a key of the\nmain tenant with the right "
      "`operate`. Names of collections are those of the main tenant alone.\n\n| metric | kind | unit | labels | what "
      "it is |\n|---|---|---|---|---|\n";
  for (const MetricRow& row : metrics_table()) {
    page += "| `" + std::string(row.name) + "` | " + kind_of(row) + " | " + std::string(row.unit) + " | " +
            labels_of(row) + " | " + std::string(row.help) + " |\n";
  }
  return page;
}

TEST(MetricsDocs, the_page_is_that_of_the_table) {
  const std::string path = PICTOR_SOURCE_DIR "/docs/reference/metrics.md";
  if (std::getenv("PICTOR_WRITE_DOCS") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    ASSERT_TRUE(write_file_atomic(Env::real(), path, as_bytes(metrics_page())).is_ok());
  }
  const auto written = read_file(Env::real(), path, 1 << 20);
  ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  EXPECT_EQ(as_text(*written), metrics_page()) << "run this test with PICTOR_WRITE_DOCS=1";
}

// Every name that a query may have, by what it is.
std::set<std::string> names_of_table() {
  std::set<std::string> names;
  for (const MetricRow& row : metrics_table()) {
    const std::string name(row.name);
    if (row.kind != MetricKind::kHistogram) {
      names.insert(name);
      continue;
    }
    for (const char* end : {"_bucket", "_sum", "_count"}) names.insert(name + end);
  }
  return names;
}

void find_queries(const Json& json, std::vector<std::string>& queries) {
  if (!json.is_structured()) return;
  for (const auto& [name, value] : json.items()) {
    if (json.is_object() && (name == "expr" || name == "definition") && value.is_string()) queries.push_back(value);
    find_queries(value, queries);
  }
}

TEST(Dashboard, names_only_metrics_and_labels_that_exist) {
  const auto file = read_file(Env::real(), PICTOR_SOURCE_DIR "/docs/reference/grafana.json", 4 << 20);
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  const Json board = Json::parse(as_text(*file), nullptr, false);
  ASSERT_TRUE(board.is_object());
  EXPECT_EQ(board.at("title"), "Pictor");
  std::vector<std::string> queries;
  find_queries(board, queries);
  ASSERT_GT(queries.size(), 20U);
  const auto names = names_of_table();
  std::set<std::string> labels = {"le", "job", "instance"};
  for (const MetricRow& row : metrics_table()) {
    labels.emplace(row.label);
    labels.emplace(row.label_2);
  }
  const std::regex name(R"((pictor|process)_[a-z_]+)");
  const std::regex grouped(R"(by \(([a-z_, ]*)\))");
  const std::regex matched(R"re(([a-z_]+)=~?")re");
  const std::regex word("[a-z_]+");
  for (const std::string& query : queries) {
    for (std::sregex_iterator at(query.begin(), query.end(), name), end; at != end; ++at) {
      EXPECT_TRUE(names.contains(at->str())) << at->str() << " in: " << query;
    }
    for (std::sregex_iterator at(query.begin(), query.end(), matched), end; at != end; ++at) {
      EXPECT_TRUE(labels.contains((*at)[1].str())) << (*at)[1].str() << " in: " << query;
    }
    for (std::sregex_iterator at(query.begin(), query.end(), grouped), end; at != end; ++at) {
      const std::string list = (*at)[1].str();
      for (std::sregex_iterator one(list.begin(), list.end(), word); one != end; ++one) {
        EXPECT_TRUE(labels.contains(one->str())) << one->str() << " in: " << query;
      }
    }
  }
}

// A panel that asks for what is never given shows nothing, and nobody sees why.
TEST(Dashboard, its_panels_do_not_overlap_and_have_titles_and_units) {
  const auto file = read_file(Env::real(), PICTOR_SOURCE_DIR "/docs/reference/grafana.json", 4 << 20);
  ASSERT_TRUE(file.is_ok());
  const Json board = Json::parse(as_text(*file), nullptr, false);
  std::set<std::pair<int, int>> taken;
  std::set<int> ids;
  for (const Json& panel : board.at("panels")) {
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second) << panel.at("id");
    EXPECT_FALSE(panel.at("title").get<std::string>().empty());
    const Json& place = panel.at("gridPos");
    for (int x = place.at("x"); x < place.at("x").get<int>() + place.at("w").get<int>(); ++x) {
      EXPECT_LT(x, 24);
      for (int y = place.at("y"); y < place.at("y").get<int>() + place.at("h").get<int>(); ++y) {
        EXPECT_TRUE(taken.emplace(x, y).second) << panel.at("title") << " at " << x << ", " << y;
      }
    }
    if (panel.at("type") == "row") continue;
    EXPECT_TRUE(panel.at("fieldConfig").at("defaults").contains("unit")) << panel.at("title");
  }
}

}  // namespace
}  // namespace pictor
