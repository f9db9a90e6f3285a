// Loads an HTTP server on this machine, from one thread that costs it little, and tells what became of every request.
//
//   serve_load PORT REQUESTS --open text=10,image=10,put=5 --seconds 60     so many requests a second of each class
//   serve_load PORT REQUESTS --closed text=3,image=1 --connections 8        one after the other on each connection
//
//   --connections N     open at once: of an open load, at most that many requests are under way (256)
//   --seconds S         how long requests are begun (10); --requests N: no more than so many
//   --warm S            what is due in the first seconds is sent and not measured (0)
//   --arrivals KIND     of an open load: poisson or constant gaps (poisson), --seed N
//   --serial N          the first serial number (1); --first N: the request of each class to begin with (0)
//   --log FILE          a line each request: CLASS NUMBER SERIAL STATUS DUE_US END_US; status 0: no answer came
//   --answers FILE      a line of JSON each answer of 2xx, with the ids that are in it
//
// REQUESTS is as serve_load_requests.h says. An open load counts a latency from when its request was due, so that what
// waits behind a slow answer is counted as slow (no coordinated omission). Of a closed load the weights say how often a
// class comes; after 429 a connection rests. Class `delete` takes the serial numbers of answered `put`s, oldest first,
// and is passed over while there are none. Times are of CLOCK_MONOTONIC. One line of JSON tells the result.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <iostream>
#include <optional>
#include <utility>

#include "serve_load_source.h"
#include "serve_load_tally.h"
#include "serve_load_wire.h"

namespace pictor::load {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kRestUs = 50'000;               // after a refused connection, or 429
constexpr std::int64_t kAnswerUsMax = 60 * kSecondUs;  // an answer that takes longer is none
constexpr std::int64_t kDrainUs = 15 * kSecondUs;      // for what is under way at the end
constexpr std::int64_t kDrainLookUs = 20'000;
constexpr std::size_t kDueMax = 200'000;  // requests of an open load that wait for a connection

std::int64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecondUs + now.tv_nsec / 1000;
}

// Of this process, until now.
double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

struct Line {
  Wire wire;
  Sent sent;
  std::int64_t begun_us = 0;        // of `sent`
  std::int64_t rests_until_us = 0;  // 0: it does not
};

class TextFile {
 public:
  Status open(const std::string& path) {
    if (path.empty()) return Status::ok();
    file_ = std::fopen(path.c_str(), "w");
    return file_ != nullptr ? Status::ok() : Status(Code::kIo, "'" + path + "' cannot be written");
  }
  ~TextFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  TextFile() = default;
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  void line(const std::string& text) {
    if (file_ != nullptr) std::fputs((text + "\n").c_str(), file_);
  }
  explicit operator bool() const { return file_ != nullptr; }

 private:
  std::FILE* file_ = nullptr;
};

class Load {
 public:
  Load(const Settings& settings, std::vector<RequestClass> classes)
      : settings_(settings), classes_(std::move(classes)), source_(settings_, classes_), tallies_(classes_.size()) {
    lines_.resize(settings.connections);
  }

  Status run() {
    PICTOR_TRY(log_.open(settings_.log));
    PICTOR_TRY(answers_.open(settings_.answers));
    cpu_before_ = cpu_seconds();
    begin_us_ = now_us();
    warm_us_ = begin_us_ + static_cast<std::int64_t>(settings_.warm * 1e6);
    end_us_ = begin_us_ + static_cast<std::int64_t>(settings_.seconds * 1e6);
    source_.begin(begin_us_);
    while (goes_on()) {
      feed();
      wait();
    }
    ended_us_ = now_us();
    for (const auto& line : lines_) {
      if (line.wire.state() != Wire::State::kBusy) continue;
      ++tallies_[line.sent.of].unanswered;
      note(line.sent, 0, ended_us_);
    }
    for (const auto& sent : due_) ++tallies_[sent.of].unanswered;
    return due_.size() < kDueMax ? Status::ok() : Status(Code::kLimit, "200,000 requests waited for a connection");
  }

  std::string result() const {
    const double measured = std::max(static_cast<double>(std::min(ended_us_, end_us_) - warm_us_) * 1e-6, 1e-6);
    Tally all;
    std::string classes;
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      if (tallies_[i].sent + tallies_[i].unanswered == 0) continue;
      all.add(tallies_[i]);
      classes += (classes.empty() ? "\"" : ", \"") + classes_[i].name + "\": " + json_of(tallies_[i], measured);
    }
    return "{\"seconds\": " + std::to_string(measured) + ", \"begin_us\": " + std::to_string(begin_us_) +
           ", \"cpu_seconds\": " + std::to_string(cpu_seconds() - cpu_before_) +
           ", \"refused_connections\": " + std::to_string(refused_) +
           ", \"behind_ms_max\": " + std::to_string(static_cast<double>(behind_us_) * 1e-3) +
           ", \"all\": " + json_of(all, measured) + ", \"classes\": {" + classes + "}}";
  }

 private:
  bool goes_on() const {
    const std::int64_t now = now_us();
    if (due_.size() >= kDueMax) return false;
    if (now < end_us_ && !spent_) return true;
    if (now > end_us_ + kDrainUs) return false;
    return !due_.empty() || std::any_of(lines_.begin(), lines_.end(),
                                        [](const Line& line) { return line.wire.state() == Wire::State::kBusy; });
  }

  void feed() {
    const std::int64_t now = now_us();
    if (settings_.open) source_.take_due(std::min(now, end_us_), due_);
    for (auto& line : lines_) {
      if (line.wire.state() != Wire::State::kIdle || line.rests_until_us > now) continue;
      if (!give(line, now)) break;
    }
    connect_more(now);
  }

  // An open load opens no more connections than requests wait for.
  void connect_more(std::int64_t now) {
    std::size_t wanted = settings_.open ? due_.size() : lines_.size();
    for (auto& line : lines_) {
      const bool closed = line.wire.state() == Wire::State::kClosed;
      if (wanted == 0) return;
      if (line.wire.state() != Wire::State::kConnecting && (!closed || line.rests_until_us > now)) continue;
      --wanted;
      if (closed) connect(line, now);
    }
  }

  void connect(Line& line, std::int64_t now) {
    line.wire.connect(settings_.port);
    line.rests_until_us = 0;
    if (line.wire.state() == Wire::State::kClosed) refused(line, now);
  }
  void refused(Line& line, std::int64_t now) {
    ++refused_;
    line.rests_until_us = now + kRestUs;
  }

  bool give(Line& line, std::int64_t now) {
    if (settings_.open) {
      if (due_.empty()) return false;
      line.sent = due_.front();
      due_.pop_front();
      behind_us_ = std::max(behind_us_, now - line.sent.due_us);
    } else {
      const auto sent = now < end_us_ ? source_.take(now) : std::nullopt;
      spent_ = !sent;
      if (!sent) return false;
      line.sent = *sent;
    }
    ++tallies_[line.sent.of].sent;
    line.begun_us = now;
    put_numbered(classes_[line.sent.of].requests[line.sent.number], line.sent.serial, line.wire.room());
    line.wire.send();
    return true;
  }

  void wait() {
    polled_.clear();
    of_polled_.clear();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].wire.state() == Wire::State::kClosed) continue;
      polled_.push_back(lines_[i].wire.wanted());
      of_polled_.push_back(i);
    }
    const std::int64_t left = std::max<std::int64_t>(wake_us() - now_us(), 0);
    const timespec most{left / kSecondUs, (left % kSecondUs) * 1000};
    if (::ppoll(polled_.data(), polled_.size(), &most, nullptr) < 0) return;
    const std::int64_t now = now_us();
    for (std::size_t i = 0; i < polled_.size(); ++i) look(lines_[of_polled_[i]], polled_[i].revents, now);
  }

  // When there is something to do although nobody answers.
  std::int64_t wake_us() const {
    const std::int64_t now = now_us();
    if (now >= end_us_ || spent_) return now + kDrainLookUs;
    std::int64_t until = std::min(now + kSecondUs, end_us_);
    if (settings_.open) until = std::min(until, source_.next_due_us());
    if (settings_.open && due_.empty()) return until;
    for (const auto& line : lines_) {
      if (line.rests_until_us != 0 && line.wire.state() != Wire::State::kBusy)
        until = std::min(until, line.rests_until_us);
    }
    return until;
  }

  void look(Line& line, short events, std::int64_t now) {
    const bool was_connecting = line.wire.state() == Wire::State::kConnecting;
    const bool late = line.wire.state() == Wire::State::kBusy && now - line.begun_us > kAnswerUsMax;
    if (events == 0 && !late) return;
    const auto came = late ? Wire::Came::kBroken : line.wire.look(events);
    if (late) line.wire.close();
    if (came == Wire::Came::kAnswer) return answered(line, now);
    if (came == Wire::Came::kBroken) {
      ++tallies_[line.sent.of].broken;
      note(line.sent, 0, now);
      line.rests_until_us = now + kRestUs;
    }
    if (was_connecting && line.wire.state() == Wire::State::kClosed) refused(line, now);
  }

  void answered(Line& line, std::int64_t now) {
    const AnswerReader& answer = line.wire.answer();
    const int status = answer.status();
    const std::string& name = classes_[line.sent.of].name;
    Tally& tally = tallies_[line.sent.of];
    ++tally.statuses[status];
    note(line.sent, status, now);
    const bool good = status >= 200 && status < 300;
    // What is answered after the end, of a closed load, is no part of the rate within it.
    const bool counts = line.sent.due_us >= warm_us_ && (settings_.open || now <= end_us_);
    if (good && counts) tally.ms.push_back(static_cast<float>(now - line.sent.due_us) * 1e-3F);
    if (good && name == "put") source_.was_put(line.sent.serial);
    if (good && answers_) tell_answer(line.sent, answer);
    line.rests_until_us = status == 429 ? now + kRestUs : 0;
    line.wire.done();
  }

  void note(const Sent& sent, int status, std::int64_t now) {
    if (!log_) return;
    log_.line(classes_[sent.of].name + " " + std::to_string(sent.number) + " " + std::to_string(sent.serial) + " " +
              std::to_string(status) + " " + std::to_string(sent.due_us) + " " + std::to_string(now));
  }

  void tell_answer(const Sent& sent, const AnswerReader& answer) {
    std::string ids;
    for (const auto id : ids_of(answer.body())) ids += (ids.empty() ? "\"" : ", \"") + std::string(id) + "\"";
    answers_.line("{\"class\": \"" + classes_[sent.of].name + "\", \"number\": " + std::to_string(sent.number) +
                  ", \"ids\": [" + ids + "]}");
  }

  const Settings settings_;
  const std::vector<RequestClass> classes_;
  Source source_;
  std::vector<Tally> tallies_;
  std::vector<Line> lines_;
  std::deque<Sent> due_;
  std::vector<pollfd> polled_;
  std::vector<std::size_t> of_polled_;
  TextFile log_, answers_;
  std::int64_t begin_us_ = 0, warm_us_ = 0, end_us_ = 0, ended_us_ = 0, behind_us_ = 0;
  double cpu_before_ = 0;
  std::uint64_t refused_ = 0;
  bool spent_ = false;  // of a closed load: there is nothing left to send
};

Status run(const std::vector<std::string>& words) {
  Settings settings;
  PICTOR_TRY(read_settings(words, settings));
  PICTOR_ASSIGN(auto classes, read_requests(settings.requests, "127.0.0.1:" + std::to_string(settings.port)));
  for (const auto& asked : settings.shares) {
    if (std::none_of(classes.begin(), classes.end(), [&](const auto& one) { return one.name == asked.first; })) {
      return {Code::kInvalid, "'" + settings.requests + "' has no requests of class '" + asked.first + "'"};
    }
  }
  Load load(settings, std::move(classes));
  PICTOR_TRY(load.run());
  std::cout << load.result() << std::endl;
  return Status::ok();
}

}  // namespace
}  // namespace pictor::load

int main(int argc, char** argv) {
  const auto status = pictor::load::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "serve_load: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
