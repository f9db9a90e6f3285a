// A conversation over two streams: one message a line.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "mcp/conversation.h"

namespace pictor {
namespace mcp {
namespace {

enum class LineEnd : std::uint8_t { kLine, kTooLong, kEnd };

// Without its end. What is longer than a message may be is read past, and not kept.
LineEnd read_line(std::istream& in, std::string& line) {
  line.clear();
  std::uint64_t bytes = 0;
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (c == '\n') return bytes > limits::kMcpMessageBytesMax ? LineEnd::kTooLong : LineEnd::kLine;
    if (++bytes <= limits::kMcpMessageBytesMax) line += static_cast<char>(c);
  }
  if (bytes == 0) return LineEnd::kEnd;
  return bytes > limits::kMcpMessageBytesMax ? LineEnd::kTooLong : LineEnd::kLine;
}

// Requests wait for the thread that answers them, one after the other; the thread that reads answers pings and hears
// of what is cancelled meanwhile.
class Streams {
 public:
  Streams(Engine& engine, std::istream& in, std::ostream& out, const McpOptions& options)
      : conversation_(engine, options), in_(in), out_(out) {}

  Status run() {
    std::thread worker([this] { work(); });
    std::string line;
    for (LineEnd end = read_line(in_, line); end != LineEnd::kEnd && written_; end = read_line(in_, line)) {
      if (end == LineEnd::kTooLong) {
        write(error_message(nullptr, ErrorCode::kInvalidRequest,
                            "a message has more than " + std::to_string(limits::kMcpMessageBytesMax) + " bytes"));
      } else if (line.find_first_not_of(" \t\r") != std::string::npos) {
        take(line);
      }
    }
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    more_.notify_one();
    worker.join();
    return written_ ? Status::ok() : Status(Code::kIo, "standard output could not be written");
  }

 private:
  void take(const std::string& line) {
    auto message = parse_message(line);
    if (!message.is_ok()) return write(error_message(nullptr, ErrorCode::kParse, message.status().message()));
    if (message->is_array()) return wait(std::move(*message));
    std::string why;
    const MessageKind kind = kind_of(*message, &why);
    const std::string method = text_at(*message, "method");
    if (kind == MessageKind::kNotification && method == "notifications/cancelled") return cancel(*message);
    if (kind == MessageKind::kRequest && method != "ping") return wait(std::move(*message));
    const auto answer = conversation_.answer_one(*message);
    if (answer) write(*answer);
  }

  void wait(Json message) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() < limits::kMcpWaitingMax) {
        waiting_.push_back(std::move(message));
        more_.notify_one();
        return;
      }
    }
    write(error_message(id_of(message), ErrorCode::kBusy,
                        std::to_string(limits::kMcpWaitingMax) + " requests wait already: ask again later"));
  }

  void cancel(const Json& notification) {
    const auto params = notification.find("params");
    if (params == notification.end() || !params->contains("requestId")) return;
    const Json& id = (*params)["requestId"];
    const std::lock_guard lock(mutex_);
    if (std::erase_if(waiting_, [&](const Json& one) { return one.is_object() && id_of(one) == id; }) > 0) return;
    if (working_on_ == id) working_on_ = nullptr;  // its answer is not sent
  }

  void work() {
    while (true) {
      Json message;
      {
        std::unique_lock lock(mutex_);
        more_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        message = std::move(waiting_.front());
        waiting_.pop_front();
        working_on_ = id_of(message);
      }
      const bool batch = message.is_array();
      const auto answer = batch ? conversation_.answer_batch(message) : conversation_.answer_one(message);
      {
        const std::lock_guard lock(mutex_);
        if (!batch && working_on_.is_null()) continue;
        working_on_ = nullptr;
      }
      if (answer) write(*answer);
    }
  }

  void write(const std::string& message) {
    const std::lock_guard lock(out_mutex_);
    out_ << message << '\n' << std::flush;
    if (!out_.good()) written_ = false;
  }

  Conversation conversation_;
  std::istream& in_;
  std::ostream& out_;
  std::mutex mutex_, out_mutex_;
  std::condition_variable more_;
  std::deque<Json> waiting_;
  Json working_on_;  // null: nothing, or what was cancelled
  bool ended_ = false;
  std::atomic<bool> written_ = true;
};

}  // namespace
}  // namespace mcp

Status serve_mcp(Engine& engine, std::istream& in, std::ostream& out, const McpOptions& options) {
  return mcp::Streams(engine, in, out, options).run();
}

}  // namespace pictor
