// pictor encoder: every action is a command of its own, with its own options, help and completion.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli_testing.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Names = std::set<std::string>;

class EncoderCommand : public CliTest {
 protected:
  std::string complete(const std::string& words, int at) {
    EXPECT_EQ(run({"completion", "bash"}), 0) << err();
    const std::string script = folder_.write("script", out());
    std::filesystem::create_directories(folder_ / "here/folder");
    folder_.write("here/file", "");
    const std::string result = folder_ / "result";
    const std::string command = "cd " + (folder_ / "here") + " && bash -c 'source " + script + "; COMP_WORDS=(" +
                                words + "); COMP_CWORD=" + std::to_string(at) + "; _pictor; echo ${COMPREPLY[*]}' > " +
                                result;
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
    return folder_.read("result");
  }
};

// What each action takes, by its positional and its options.
struct Takes {
  std::string argument;
  Names options;
};
const std::map<std::string, Takes>& actions() {
  static const std::map<std::string, Takes> kActions = {
      {"add", {"FOLDER", {"--name", "--variant", "--output", "--pooling", "--dim", "--licence"}}},
      {"pull",
       {"REPOSITORY",
        {"--name", "--variant", "--output", "--pooling", "--dim", "--licence", "--endpoint", "--offline"}}},
      {"list", {"", {}}},
      {"show", {"NAME", {}}},
      {"verify", {"NAME", {"--fingerprint", "--count", "--against", "--head"}}},
      {"fingerprint", {"NAME", {"--count", "--check"}}},
      {"quantize",
       {"NAME",
        {"--calibration", "--name", "--evaluate", "--images", "--calibration-texts", "--tower", "--max-loss",
         "--keep-float"}}},
      {"derive",
       {"NAME", {"--name", "--dim", "--head", "--pca", "--texts", "--truncate", "--matrix", "--bias", "--measure"}}},
      {"bench", {"NAME", {"--seconds"}}},
      {"warm", {"[NAME...]", {"--all"}}},
      {"remove", {"NAME", {"--yes"}}}};
  return kActions;
}

// The long names in the table of options of a help text.
Names options_in(const std::string& help) {
  Names found;
  for (const std::string& line : split(help, '\n')) {
    if (!line.starts_with("  -")) continue;
    const auto at = line.find("--");
    found.insert(line.substr(at, line.find_first_of(" \n", at) - at));
  }
  found.erase("--help");
  return found;
}

TEST_F(EncoderCommand, help_of_an_action_has_its_options_and_no_others) {
  for (const auto& [action, takes] : actions()) {
    ASSERT_EQ(run({"encoder", action, "--help"}), 0) << err();
    EXPECT_EQ(options_in(out()), takes.options) << out();
    const std::string usage = "pictor encoder " + action + " [OPTIONS]" + (takes.argument.empty() ? "" : " ");
    EXPECT_NE(out().find("\nUsage: " + usage + takes.argument + "\n"), std::string::npos) << out();
    EXPECT_NE(out().find("\nExamples:\n  pictor encoder " + action), std::string::npos) << out();
    for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << action << ": " << line;
  }
}

TEST_F(EncoderCommand, an_option_of_another_action_is_refused_and_says_whose_it_is) {
  EXPECT_EQ(run({"encoder", "list", "--calibration-texts", "x"}), 2);
  EXPECT_EQ(err(),
            "pictor: option '--calibration-texts' is not known to 'pictor encoder list'; it belongs to quantize\n"
            "try: pictor encoder list --help\n");
  Names all;
  for (const auto& [action, takes] : actions()) all.insert(takes.options.begin(), takes.options.end());
  for (const auto& [action, takes] : actions()) {
    for (const std::string& option : all) {
      if (takes.options.contains(option)) continue;
      EXPECT_EQ(run({"encoder", action, option + "=1"}), 2) << action << " " << option;
      EXPECT_NE(err().find("option '" + option + "' is not known to 'pictor encoder " + action + "'"),
                std::string::npos)
          << err();
    }
  }
  EXPECT_EQ(opened_.data_folder, "") << "the engine was opened";
}

TEST_F(EncoderCommand, alone_it_lists_the_actions_one_line_each_with_status_2) {
  EXPECT_EQ(run({"encoder"}), 2);
  EXPECT_EQ(out(), "");
  const std::string overview = err();
  EXPECT_NE(overview.find("Usage: pictor encoder [OPTIONS] ACTION ...\n"), std::string::npos) << overview;
  const auto begin = overview.find("\nActions:\n") + 10;
  const auto lines = split(overview.substr(begin, overview.find("\n\n", begin) - begin), '\n');
  EXPECT_EQ(lines.size(), actions().size()) << overview;
  for (const std::string& line : lines) {
    EXPECT_LE(display_width(line), 80U) << line;
    EXPECT_TRUE(actions().contains(line.substr(2, line.find(' ', 2) - 2))) << line;
  }
  ASSERT_EQ(run({"encoder", "--help"}), 0);
  EXPECT_EQ(out(), overview);
}

TEST_F(EncoderCommand, an_unknown_action_is_answered_with_those_there_are) {
  EXPECT_EQ(run({"encoder", "polish", "toy"}), 2);
  EXPECT_NE(err().find("action 'polish' is not known; known are: add, pull, list, "), std::string::npos) << err();
  for (const auto& [action, takes] : actions()) EXPECT_NE(err().find(action), std::string::npos) << err();
  EXPECT_NE(err().find("\ntry: pictor encoder --help\n"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "quantise", "toy"}), 2);
  EXPECT_NE(err().find("did you mean 'quantize'? Known are: add, "), std::string::npos) << err();
}

TEST_F(EncoderCommand, what_an_action_lacks_is_named) {
  for (const auto& [action, takes] : actions()) {
    if (action == "list" || action == "warm") continue;
    EXPECT_EQ(run({"encoder", action}), 2);
    EXPECT_EQ(err(), "pictor: pictor encoder " + action + " needs " + takes.argument + "\ntry: pictor encoder " +
                         action + " --help\n");
  }
  EXPECT_EQ(run({"encoder", "quantize", "toy"}), 2);
  EXPECT_NE(err().find("pictor encoder quantize needs --calibration FOLDER\n"), std::string::npos) << err();
  // A word that nobody knows explains more than what is missing.
  EXPECT_EQ(run({"encoder", "quantize", "--calibratoin=x"}), 2);
  EXPECT_NE(err().find("did you mean '--calibration'?"), std::string::npos) << err();
}

TEST_F(EncoderCommand, an_option_before_its_action_is_told_its_place) {
  EXPECT_EQ(run({"encoder", "--name", "x", "add", folder_.path()}), 2);
  EXPECT_NE(err().find("option '--name' belongs after 'pictor encoder add'"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "--calibration", "x"}), 2);
  EXPECT_NE(err().find("option '--calibration' belongs after an action: quantize"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "show", "toy", "other"}), 2);
  EXPECT_NE(err().find("argument 'other' is not known"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "list", "show"}), 2);
  EXPECT_NE(err().find("argument 'show' is not known"), std::string::npos) << "two actions in one: " << err();
}

TEST_F(EncoderCommand, global_options_stand_anywhere) {
  for (const std::vector<std::string>& line : {std::vector<std::string>{"--json", "encoder", "list"},
                                               {"encoder", "--json", "list"},
                                               {"encoder", "list", "--json"}}) {
    ASSERT_EQ(run(line), 0) << err();
    EXPECT_EQ(Json::parse(out())["encoders"][0]["name"], "toy");
  }
}

TEST_F(EncoderCommand, an_encoder_may_be_named_as_an_action_or_a_command) {
  ASSERT_EQ(run({"encoder", "verify", "list"}), 0) << err();
  EXPECT_EQ(engine_->asked_of_encoders.back(), "verify list");
  ASSERT_EQ(run({"encoder", "warm", "warm", "index", "verify"}), 0) << err();
  EXPECT_EQ(engine_->tools.warmed, (std::vector<std::string>{"warm", "index", "verify"}));
}

TEST_F(EncoderCommand, options_without_effect_are_refused) {
  EXPECT_EQ(run({"encoder", "verify", "toy", "--head", "joint"}), 2);
  EXPECT_NE(err().find("--head requires --against"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "verify", "toy", "--count", "7"}), 2);
  EXPECT_EQ(run({"encoder", "verify", "toy", "--fingerprint", "--against", "f"}), 2);
  EXPECT_EQ(run({"encoder", "derive", "toy", "--name", "x", "--dim", "8", "--truncate", "--bias", "b"}), 2);
  EXPECT_TRUE(engine_->tools.derives.empty());
  EXPECT_TRUE(engine_->asked_of_encoders.empty());
}

TEST_F(EncoderCommand, the_file_of_settings_has_a_section_an_action) {
  const std::string config = folder_.write("c.toml", "[encoder.pull]\nendpoint = \"https://of.the.file\"\n");
  ASSERT_EQ(run({"--config", config, "encoder", "pull", "hf:a/b"}), 0) << err();
  EXPECT_EQ(engine_->encoder_requests.back().endpoint, "https://of.the.file");
  EXPECT_EQ(engine_->encoder_requests.back().hub, "hf:a/b");
  ::setenv("HF_ENDPOINT", "https://of.the.environment", 1);
  EXPECT_EQ(run({"--config", config, "encoder", "pull", "hf:a/b"}), 0) << err();
  ::unsetenv("HF_ENDPOINT");
  EXPECT_EQ(engine_->encoder_requests.back().endpoint, "https://of.the.environment");
  ASSERT_EQ(run({"--config", config, "encoder", "list"}), 0) << err();
}

TEST_F(EncoderCommand, an_encoder_is_added_from_a_folder_with_what_was_said_of_it) {
  ASSERT_EQ(run({"encoder", "add", folder_.path().c_str(), "--name", "mine", "--variant", "fp16", "--dim", "64",
                 "--pooling", "cls", "--output", "states", "--licence", "MIT"}),
            0)
      << err();
  const auto& request = engine_->encoder_requests.at(0);
  EXPECT_EQ(request.folder, folder_.path());
  EXPECT_EQ(request.name, "mine");
  EXPECT_EQ(request.variant, "fp16");
  EXPECT_EQ(request.dim, 64U);
  EXPECT_EQ(request.pooling, "cls");
  EXPECT_EQ(request.output, "states");
  EXPECT_EQ(request.licence, "MIT");
  EXPECT_NE(out().find("encoder mine is here: f32, preprocessing of CLIPImageProcessor"), std::string::npos) << out();
  EXPECT_NE(err().find("note: the vectors are class scores"), std::string::npos) << err();
  ASSERT_EQ(run({"encoder", "add", folder_.path().c_str(), "--name", "mine", "--json"}), 0);
  const auto report = Json::parse(out());
  EXPECT_EQ(report["name"], "mine");
  EXPECT_EQ(report["preprocessing"], "CLIPImageProcessor");
  EXPECT_EQ(report["notes"].size(), 1U);
}

TEST_F(EncoderCommand, a_folder_or_an_encoder_that_is_not_there_is_named) {
  EXPECT_EQ(run({"encoder", "add", "/no/such/folder"}), 3);
  EXPECT_NE(err().find("'/no/such/folder' is no folder"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "show", "nobody"}), 3);
  EXPECT_NE(err().find("known are: toy"), std::string::npos) << err();
  EXPECT_TRUE(engine_->encoder_requests.empty());
}

TEST_F(EncoderCommand, an_encoder_is_removed_only_when_somebody_says_yes) {
  EXPECT_EQ(run({"encoder", "remove", "toy"}), 2);
  EXPECT_NE(err().find("--yes"), std::string::npos) << err();
  EXPECT_TRUE(engine_->asked_of_encoders.empty());
  EXPECT_EQ(run({"encoder", "remove", "toy", "--yes"}), 0);
  EXPECT_EQ(engine_->asked_of_encoders, std::vector<std::string>{"remove toy"});
  engine_->encoder_status = Status(Code::kCorrupt, "weight file 'x' has SHA-256 1, the card says 2");
  EXPECT_EQ(run({"encoder", "verify", "toy"}), static_cast<int>(Code::kCorrupt));
  EXPECT_NE(err().find("the card says 2"), std::string::npos) << err();
}

TEST_F(EncoderCommand, reference_and_manual_have_a_section_an_action) {
  for (const auto& [format, title] : std::map<std::string, std::string>{
           {"text", "\npictor encoder "}, {"markdown", "\n### pictor encoder "}, {"man", "\n.SS pictor encoder "}}) {
    ASSERT_EQ(run({"help-all", "--format", format}), 0) << err();
    for (const auto& [action, takes] : actions()) {
      const auto at = out().find(title + action);
      ASSERT_NE(at, std::string::npos) << format << " " << action;
      const std::string section = out().substr(at, out().find(title.substr(0, title.size() - 8), at + 1) - at);
      EXPECT_NE(section.find("pictor encoder " + action + " [OPTIONS]"), std::string::npos) << section;
    }
  }
}

TEST_F(EncoderCommand, bash_completes_actions_and_the_options_of_each) {
  std::string all;
  for (const char* action :
       {"add", "pull", "list", "show", "verify", "fingerprint", "quantize", "derive", "bench", "warm", "remove"}) {
    all += std::string(all.empty() ? "" : " ") + action;
  }
  EXPECT_EQ(complete("pictor encoder \"\"", 2), all + "\n");
  EXPECT_EQ(complete("pictor encoder q", 2), "quantize\n");
  EXPECT_EQ(complete("pictor encoder quantize --ca", 3), "--calibration --calibration-texts\n");
  EXPECT_EQ(complete("pictor encoder list --ca", 3), "\n");
  EXPECT_EQ(complete("pictor encoder quantize --tower \"\"", 4), "both image text\n");
  EXPECT_EQ(complete("pictor --json encoder add --pooling \"\"", 5), "cls mean\n");
  // The action, and not the command of the same name.
  EXPECT_EQ(complete("pictor encoder verify --re", 3), "\n");
  EXPECT_EQ(complete("pictor verify --re", 2), "--rederive --reproducible\n");
  EXPECT_EQ(complete("pictor encoder show verify --a", 4), "\n");
  EXPECT_EQ(complete("pictor encoder add \"\"", 3), "folder\n");
  EXPECT_EQ(complete("pictor encoder quantize --calibration \"\"", 4), "folder\n");
  EXPECT_EQ(complete("pictor encoder derive toy --pca \"\"", 5), "file folder\n");
  EXPECT_EQ(complete("pictor encoder show \"\"", 3), "\n");
}

TEST_F(EncoderCommand, fish_and_zsh_have_the_actions_where_they_belong) {
  ASSERT_EQ(run({"completion", "fish"}), 0);
  EXPECT_NE(out().find("-n '__pictor_at \"encoder\"' -f -a quantize "), std::string::npos) << out();
  EXPECT_NE(out().find("-n '__pictor_at \"encoder/quantize\"' -l keep-float "), std::string::npos) << out();
  EXPECT_EQ(out().find("-n '__pictor_at \"encoder\"' -l keep-float "), std::string::npos) << out();
  ASSERT_EQ(run({"completion", "zsh"}), 0);
  const auto nested = out().find("_pictor_encoder() {");
  const auto top = out().find("\n_pictor() {");
  ASSERT_LT(nested, top);
  const auto flag = out().find("*--keep-float[");
  EXPECT_TRUE(nested < flag && flag < top) << out();
  EXPECT_NE(out().find("      encoder)\n        _pictor_encoder ;;\n"), std::string::npos) << out();
}

}  // namespace
}  // namespace pictor
