// The requests that serve_load sends: a file of them, read whole, ready to be written to a socket.
//
// Each is a line `CLASS METHOD PATH TYPE BYTES`, a line feed, and so many bytes of body; TYPE is "-" where there is no
// body. Twelve '@' in a row, in the path or the body, stand for the serial number of the request that is sent, so that
// an id or a picture's bytes are never those of an earlier request.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor::load {

inline constexpr std::string_view kSerialMark = "@@@@@@@@@@@@";
inline constexpr std::uint64_t kRequestFileBytesMax = 2 * limits::kGiB;
inline constexpr std::size_t kRequestsMax = 1'000'000;
inline constexpr std::size_t kClassesMax = 16;

struct Prepared {
  std::string bytes;               // head and body
  std::vector<std::size_t> marks;  // where the serial number is to stand
};

struct RequestClass {
  std::string name;
  std::vector<Prepared> requests;
};

inline Prepared prepared(std::string head, std::string_view body) {
  Prepared out{std::move(head), {}};
  out.bytes += body;
  for (std::size_t at = out.bytes.find(kSerialMark); at != std::string::npos;
       at = out.bytes.find(kSerialMark, at + kSerialMark.size())) {
    out.marks.push_back(at);
  }
  return out;
}

// The bytes of one request with that number in it. `out` keeps its memory from one to the next.
inline void put_numbered(const Prepared& request, std::uint64_t serial, std::string& out) {
  out = request.bytes;
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%012llu",
                static_cast<unsigned long long>(serial % 1'000'000'000'000ULL));
  for (const std::size_t at : request.marks)
    std::copy_n(digits.data(), kSerialMark.size(), out.begin() + static_cast<std::ptrdiff_t>(at));
}

inline Status wrong_line(std::size_t number, const std::string& line) {
  return {Code::kInvalid, "request " + std::to_string(number) + " begins with '" + line.substr(0, 80) +
                              "', wanted CLASS METHOD PATH TYPE BYTES"};
}

inline Result<RequestClass*> class_of(std::vector<RequestClass>& classes, const std::string& name) {
  for (auto& one : classes) {
    if (one.name == name) return &one;
  }
  if (classes.size() == kClassesMax) {
    return Status(Code::kLimit, "class '" + name + "' is one more than " + std::to_string(kClassesMax));
  }
  classes.push_back({name, {}});
  return &classes.back();
}

// Classes in the order in which they come first.
inline Result<std::vector<RequestClass>> read_requests(const std::string& path, const std::string& host) {
  PICTOR_ASSIGN(const Bytes file, read_file(Env::real(), path, kRequestFileBytesMax));
  std::string_view rest(reinterpret_cast<const char*>(file.data()), file.size());
  std::vector<RequestClass> classes;
  classes.reserve(kClassesMax);
  for (std::size_t number = 0; !rest.empty(); ++number) {
    if (number == kRequestsMax) return Status(Code::kLimit, "'" + path + "' has more than 1,000,000 requests");
    const std::size_t end = rest.find('\n');
    const std::string line(rest.substr(0, end));
    std::istringstream words(line);
    std::string name, method, target, type;
    std::size_t bytes = 0;
    if (end == std::string_view::npos || !(words >> name >> method >> target >> type >> bytes)) {
      return wrong_line(number, line);
    }
    rest.remove_prefix(end + 1);
    if (bytes > rest.size()) {
      return Status(Code::kInvalid, "request " + std::to_string(number) + " has " + std::to_string(bytes) +
                                        " bytes of body, and the file ends after " + std::to_string(rest.size()));
    }
    std::string head = method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n";
    if (type != "-") head += "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(bytes) + "\r\n";
    PICTOR_ASSIGN(RequestClass* const of, class_of(classes, name));
    of->requests.push_back(prepared(head + "\r\n", rest.substr(0, bytes)));
    rest.remove_prefix(bytes);
  }
  if (classes.empty()) return Status(Code::kInvalid, "'" + path + "' has no requests");
  return classes;
}

}  // namespace pictor::load
