#include "exchange/child_rows.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace pictor {
namespace {

constexpr std::size_t kTogetherBytes = 256 * limits::kKiB;  // sent at once
constexpr std::uint64_t kTextBytesMax = limits::kVectorLineBytesMax;

enum class Message : std::uint8_t { kAbout = 1, kRow = 2, kError = 3, kEnd = 4 };

// --- in the child ---

class Sender {
 public:
  explicit Sender(int pipe) : pipe_(pipe) {}
  template <Number T>
  void put(T value) {
    held_.put(value);
  }
  void put(Message message) { held_.put(static_cast<std::uint8_t>(message)); }
  void put(std::string_view text) {
    held_.put(static_cast<std::uint64_t>(text.size()));
    held_.put(as_bytes(text));
  }
  void put(const Status& status) {
    held_.put(static_cast<std::int32_t>(status.code()));
    put(std::string_view(status.message()));
  }
  void put(std::span<const float> numbers) { held_.put(std::as_bytes(numbers)); }
  // False: nobody reads any more.
  bool send(bool all) {
    if (!all && held_.bytes().size() < kTogetherBytes) return true;
    const Bytes bytes = held_.take();
    held_ = {};
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t sent = ::write(pipe_, bytes.data() + done, bytes.size() - done);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      done += static_cast<std::size_t>(sent);
    }
    return true;
  }

 private:
  const int pipe_;
  ByteWriter held_;
};

void send_rows(Sender& out, Rows& rows) {
  while (true) {
    VectorSource::Entry entry;
    const auto more = rows.next(entry);
    if (!more.is_ok()) {
      out.put(Message::kError);
      out.put(more.status());
      return;
    }
    if (!*more) break;
    out.put(Message::kRow);
    out.put(std::string_view(entry.vector.id));
    out.put(std::string_view(entry.vector.place));
    out.put(std::span<const float>(entry.vector.numbers));
    if (!out.send(false)) return;
  }
  out.put(Message::kEnd);
}

void be_small() {
  // A limit on address space counts what the parent has, too.
  rlimit space{};
  std::uint64_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    unsigned long long read = 0;
    if (std::fscanf(file, "%llu", &read) == 1) pages = read;
    std::fclose(file);
  }
  if (pages == 0 || ::getrlimit(RLIMIT_AS, &space) != 0) return;
  const std::uint64_t wanted = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + limits::kChildBytesMax;
  space.rlim_cur = std::min<rlim_t>(wanted, space.rlim_max);
  ::setrlimit(RLIMIT_AS, &space);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

[[noreturn]] void run_child(int pipe, pid_t parent, const std::function<Result<std::unique_ptr<Rows>>()>& open) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  std::signal(SIGINT, SIG_IGN);  // the parent decides what a stop means
  std::signal(SIGPIPE, SIG_IGN);
  for (const int fatal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) std::signal(fatal, SIG_DFL);
  // What the library or the C library has to say of a damaged file is said by the parent.
  if (const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC); nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  be_small();
  Sender out(pipe);
  {
    const auto rows = open();
    if (rows.is_ok()) {
      out.put(Message::kAbout);
      out.put((*rows)->dim);
      out.put((*rows)->total.value_or(UINT64_MAX));
      out.put(static_cast<std::uint8_t>((*rows)->metric.has_value() ? static_cast<int>(*(*rows)->metric) : 0));
      out.put(std::string_view((*rows)->format));
      out.put(static_cast<std::uint64_t>((*rows)->notes.size()));
      for (const auto& note : (*rows)->notes) out.put(std::string_view(note));
      if (out.send(true)) send_rows(out, **rows);
    } else {
      out.put(Message::kError);
      out.put(rows.status());
    }
  }
  out.send(true);
  ::_exit(0);
}

// --- in the parent ---

class ChildRows final : public Rows {
 public:
  ChildRows(std::string name, pid_t child, int pipe) : name_(std::move(name)), child_(child), pipe_(pipe) {}
  ~ChildRows() override {
    ::close(pipe_);
    end_child();
  }

  Status begin() {
    PICTOR_ASSIGN(const auto message, next_message());
    if (message == Message::kError) return received_error();
    if (message != Message::kAbout) return ended();
    std::uint64_t rows = 0;
    std::uint64_t count = 0;
    std::uint8_t kind = 0;
    PICTOR_TRY(get(dim));
    PICTOR_TRY(get(rows));
    PICTOR_TRY(get(kind));
    PICTOR_TRY(get(format));
    PICTOR_TRY(get(count));
    for (std::uint64_t i = 0; i < count; ++i) PICTOR_TRY(get(notes.emplace_back()));
    if (rows != UINT64_MAX) total = rows;
    if (kind != 0) metric = static_cast<Metric>(kind);
    return Status::ok();
  }

  Result<bool> next(VectorSource::Entry& out) override {
    if (ended_) return false;
    PICTOR_ASSIGN(const auto message, next_message());
    if (message == Message::kError) return received_error();
    ended_ = message == Message::kEnd;
    if (ended_) return false;
    out = {};
    PICTOR_TRY(get(out.vector.id));
    PICTOR_TRY(get(out.vector.place));
    out.vector.numbers.resize(dim);
    PICTOR_TRY(read(std::as_writable_bytes(std::span(out.vector.numbers))));
    return true;
  }

 private:
  Result<Message> next_message() {
    std::uint8_t kind = 0;
    PICTOR_TRY(get(kind));
    return static_cast<Message>(kind);
  }
  template <Number T>
  Status get(T& out) {
    return read(std::as_writable_bytes(std::span(&out, 1)));
  }
  Status get(std::string& out) {
    std::uint64_t size = 0;
    PICTOR_TRY(get(size));
    if (size > kTextBytesMax) return ended();
    out.resize(static_cast<std::size_t>(size));
    return read(std::as_writable_bytes(std::span(out)));
  }
  Status received_error() {
    std::int32_t code = 0;
    std::string message;
    PICTOR_TRY(get(code));
    PICTOR_TRY(get(message));
    return {static_cast<Code>(code), message};
  }

  Status read(std::span<std::byte> out) {
    while (!out.empty()) {
      if (at_ == held_.size()) {
        held_.resize(kTogetherBytes);
        const ssize_t got = ::read(pipe_, held_.data(), held_.size());
        held_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        at_ = 0;
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return ended();
      }
      const std::size_t count = std::min(out.size(), held_.size() - at_);
      std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
      at_ += count;
      out = out.subspan(count);
    }
    return Status::ok();
  }

  Status ended() {
    const int status = end_child();
    const std::string how = WIFSIGNALED(status) ? " (signal " + std::to_string(WTERMSIG(status)) + ")" : "";
    return {Code::kUnreadable, name_ + " brought down the library that reads it" + how +
                                   ": it is damaged, or wants more memory than " +
                                   std::to_string(limits::kChildBytesMax / limits::kMiB) + " MiB"};
  }

  int end_child() {
    int status = 0;
    if (child_ <= 0) return status;
    // One that has ended by itself is not struck: it tells how.
    if (::waitpid(child_, &status, WNOHANG) == 0) {
      ::usleep(10'000);
      if (::waitpid(child_, &status, WNOHANG) == 0) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, &status, 0);
      }
    }
    child_ = -1;
    return status;
  }

  const std::string name_;
  pid_t child_;
  const int pipe_;
  Bytes held_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Rows>> open_in_child(const std::string& name,
                                            const std::function<Result<std::unique_ptr<Rows>>()>& open) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Status(Code::kIo, "no pipe can be made to read " + name);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return Status(Code::kIo, "no process can be made to read " + name);
  }
  if (child == 0) {
    ::close(ends[0]);
    run_child(ends[1], parent, open);
  }
  ::close(ends[1]);
  auto rows = std::make_unique<ChildRows>(name, child, ends[0]);
  PICTOR_TRY(rows->begin());
  return std::unique_ptr<Rows>(std::move(rows));
}

}  // namespace pictor
