#include "measure/lines.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kShownBytes = 60;
constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_written_as_hex(unsigned char letter) { return letter <= ' ' || letter == 0x7F || letter == '%'; }

}  // namespace

void TextFaults::add(std::uint64_t line, std::string message) {
  ++count;
  if (first.size() < limits::kMeasureFaultsTold) first.push_back({line, std::move(message)});
}

Status TextFaults::status(const std::string& name) const {
  if (count == 0) return Status::ok();
  std::string text;
  for (const TextFault& fault : first) {
    text += (text.empty() ? "" : "\n") + name + ", line " + std::to_string(fault.line) + ": " + fault.message;
  }
  if (count > first.size()) text += "\nand " + std::to_string(count - first.size()) + " faults more";
  return {Code::kUnreadable, text};
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

LineCursor::LineCursor(std::string_view text) : text_(without_mark(text)) {}

bool LineCursor::next(std::string_view& line) {
  if (at_ >= text_.size()) return false;
  const std::size_t end = std::min(text_.find('\n', at_), text_.size());
  line = text_.substr(at_, end - at_);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  at_ = end + 1;
  ++line_;
  return true;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return fields;
}

CsvText::CsvText(std::string_view text) : text_(without_mark(text)) {}

bool CsvText::take_line_end() {
  if (at_end() || (text_[at_] != '\r' && text_[at_] != '\n')) return false;
  if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
  ++at_;
  ++line_;
  return true;
}

CsvText::Got CsvText::bad(std::string why, std::string& problem) {
  problem = std::move(why);
  // Quotes cannot be trusted any more: the next line end is taken as the record's end.
  while (!at_end() && !take_line_end()) ++at_;
  return Got::kBad;
}

// After the opening quote, up to the closing one.
bool CsvText::quoted(std::string& cell, std::string& problem) {
  for (;; ++at_) {
    if (at_end()) {
      problem = "a quote is never closed";
      return false;
    }
    if (text_[at_] != '"') {
      if (text_[at_] == '\n') ++line_;
    } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
      ++at_;
    } else {
      ++at_;
      break;
    }
    cell += text_[at_];
  }
  if (at_end() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n') return true;
  problem = "there are letters between a closing quote and the next comma";
  return false;
}

CsvText::Got CsvText::next(std::vector<std::string>& cells, std::string& problem) {
  cells.clear();
  while (take_line_end()) {
  }
  first_line_ = line_;
  if (at_end()) return Got::kEnd;
  for (;;) {
    std::string cell;
    if (!at_end() && text_[at_] == '"') {
      ++at_;
      if (!quoted(cell, problem)) return bad(problem, problem);
    } else {
      const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      cell = text_.substr(at_, end - at_);
      at_ = end;
    }
    if (cells.size() == limits::kManifestColumnsMax) {
      return bad("there are more than " + std::to_string(limits::kManifestColumnsMax) + " columns", problem);
    }
    cells.push_back(std::move(cell));
    if (at_end() || take_line_end()) return Got::kRecord;
    ++at_;  // the comma
  }
}

std::string lower_of(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

std::string shown(std::string_view text) {
  std::string out = "'";
  for (const char letter : text.substr(0, kShownBytes)) out += letter >= ' ' && letter < 0x7F ? letter : '?';
  return out + (text.size() > kShownBytes ? "...'" : "'");
}

std::string trec_name(std::string_view name) {
  std::string out;
  for (const char letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    if (is_written_as_hex(byte)) {
      out += {'%', kHex[byte / 16], kHex[byte % 16]};
    } else {
      out += letter;
    }
  }
  return out;
}

std::string from_trec_name(std::string_view written) {
  std::string out;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '%' && i + 2 < written.size()) {
      const std::size_t high = kHex.find(written[i + 1]), low = kHex.find(written[i + 2]);
      const bool hex = high != std::string_view::npos && low != std::string_view::npos;
      // Only what trec_name writes: names of others may hold "%41", and keep it.
      if (hex && is_written_as_hex(static_cast<unsigned char>(high * 16 + low))) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += written[i];
  }
  return out;
}

std::string name_fault(std::string_view what, std::string_view name) {
  if (name.empty()) return std::string(what) + " is empty";
  if (name.size() <= limits::kItemIdBytesMax) return "";
  return std::string(what) + " has " + std::to_string(name.size()) + " bytes, at most " +
         std::to_string(limits::kItemIdBytesMax) + " are allowed";
}

}  // namespace pictor
