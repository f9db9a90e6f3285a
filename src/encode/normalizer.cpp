#include "encode/normalizer.h"

#include <algorithm>
#include <array>

namespace pictor {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Writes each character of the text by write(point, out); the head grows or shrinks with what becomes of it.
template <typename Write>
void rewrite(TextOnWay& text, Write write) {
  std::string out;
  out.reserve(text.bytes.size() + 16);
  std::size_t head = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    write(unicode::next_point(text.bytes, at), out);
    if (at <= text.head_bytes) head = out.size();
  }
  text = {std::move(out), head};
}

// The same for a function of whole texts that keeps the order of characters.
template <typename Function>
void rewrite_whole(TextOnWay& text, Function function) {
  const auto head = std::string_view(text.bytes).substr(0, text.head_bytes);
  const std::size_t head_bytes = head.empty() ? 0 : function(head).size();
  text.bytes = function(text.bytes);
  text.head_bytes = std::min(head_bytes, text.bytes.size());
  while (text.head_bytes < text.bytes.size() && (text.bytes[text.head_bytes] & 0xC0) == 0x80) ++text.head_bytes;
}

void clean(TextOnWay& text) {
  rewrite(text, [](char32_t point, std::string& out) {
    const bool is_blank_control = point == '\t' || point == '\n' || point == '\r';
    if (point == 0 || point == kReplacement || (!is_blank_control && unicode::is_other(point))) return;
    unicode::append_utf8(unicode::is_space(point) ? U' ' : point, out);
  });
}

Status run(const normalizers::Bert& step, TextOnWay& text) {
  if (step.clean_text) clean(text);
  if (step.set_ideographs_apart) {
    rewrite(text, [](char32_t point, std::string& out) {
      const bool apart = unicode::is_chinese_ideograph(point);
      if (apart) out += ' ';
      unicode::append_utf8(point, out);
      if (apart) out += ' ';
    });
  }
  if (step.strip_accents) {
    rewrite_whole(text, [](std::string_view all) { return unicode::normal_form(all, unicode::Form::kNfd); });
    rewrite(text, [](char32_t point, std::string& out) {
      if (!unicode::is_nonspacing_mark(point)) unicode::append_utf8(point, out);
    });
  }
  if (step.lower_case) rewrite_whole(text, unicode::lower_case);
  return Status::ok();
}

Status run(const normalizers::Strip& step, TextOnWay& text) {
  std::size_t begin = text.bytes.size();
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t here = at;
    if (unicode::is_space(unicode::next_point(text.bytes, at))) continue;
    begin = std::min(begin, here);
    end = at;
  }
  if (!step.left) begin = 0;
  if (!step.right) end = text.bytes.size();
  end = std::max(begin, end);
  text.head_bytes = std::min(std::max(text.head_bytes, begin) - begin, end - begin);
  text.bytes = text.bytes.substr(begin, end - begin);
  return Status::ok();
}

Status run(const normalizers::StripAccents&, TextOnWay& text) {
  rewrite(text, [](char32_t point, std::string& out) {
    if (!unicode::is_combining_mark(point)) unicode::append_utf8(point, out);
  });
  return Status::ok();
}

Status run(const normalizers::ToForm& step, TextOnWay& text) {
  rewrite_whole(text, [&](std::string_view all) { return unicode::normal_form(all, step.form); });
  return Status::ok();
}

Status run(const normalizers::Lowercase&, TextOnWay& text) {
  rewrite_whole(text, unicode::lower_case);
  return Status::ok();
}

Status run(const normalizers::Nmt&, TextOnWay& text) {
  rewrite(text, [](char32_t point, std::string& out) {
    const bool goes = (point >= 1 && point <= 8) || point == 0xB || (point >= 0xE && point <= 0x1F) || point == 0x7F ||
                      point == 0x8F || point == 0x9F;
    if (goes) return;
    const bool is_blank = point == '\t' || point == '\n' || point == 0xC || point == '\r' || point == 0x1680 ||
                          (point >= 0x200B && point <= 0x200F) || point == 0x2028 || point == 0x2029 ||
                          point == 0x2581 || point == 0xFEFF || point == kReplacement;
    unicode::append_utf8(is_blank ? U' ' : point, out);
  });
  return Status::ok();
}

std::size_t count_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// Where the first `count` characters of the text end.
std::size_t end_of_points(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) at += unicode::point_bytes(text[at]);
  return at;
}

Status run(const normalizers::Precompiled& step, TextOnWay& text) {
  constexpr std::size_t kClusterBytesMax = 5;
  const std::string_view all = text.bytes;
  std::string out;
  std::size_t head = 0;
  std::size_t head_points = count_points(all.substr(0, text.head_bytes));
  const auto put = [&](std::string_view from, std::string_view to) {
    const std::size_t points = count_points(from);
    if (head_points > 0) head = out.size() + (head_points >= points ? to.size() : end_of_points(to, head_points));
    out += to;
    // What vanishes before anything is written leaves its place to the next, as in the reference.
    if (!out.empty()) head_points -= std::min(head_points, points);
  };
  for (std::size_t at = 0; at < all.size();) {
    const auto cluster = all.substr(at, unicode::cluster_end(all, at) - at);
    at += cluster.size();
    if (cluster.size() <= kClusterBytesMax) {
      if (const auto whole = step.map.replacement(cluster)) {
        put(cluster, *whole);
        continue;
      }
    }
    for (std::size_t i = 0; i < cluster.size();) {
      const auto point = cluster.substr(i, unicode::point_bytes(cluster[i]));
      put(point, step.map.replacement(point).value_or(point));
      i += point.size();
    }
  }
  text = {std::move(out), head};
  return Status::ok();
}

Status run(const normalizers::Replace& step, TextOnWay& text) {
  PICTOR_ASSIGN(const auto parts, step.pattern.parts(text.bytes));
  std::string out;
  std::size_t head = 0;
  for (const auto& part : parts) {
    if (part.is_match) {
      out += step.content;
      if (part.end <= text.head_bytes) head = out.size();
    } else {
      const auto kept = std::string_view(text.bytes).substr(part.begin, part.end - part.begin);
      if (part.begin < text.head_bytes) head = out.size() + std::min(text.head_bytes - part.begin, kept.size());
      out += kept;
    }
    if (out.size() > limits::kNormalisedBytesMax) break;  // normalise_text refuses it
  }
  text = {std::move(out), head};
  return Status::ok();
}

Status run(const normalizers::Prepend& step, TextOnWay& text) {
  if (text.bytes.empty()) return Status::ok();
  text.bytes.insert(0, step.content);
  if (text.head_bytes > 0) text.head_bytes += step.content.size();
  return Status::ok();
}

Status run(const normalizers::ByteLevel&, TextOnWay& text) {
  rewrite_whole(text, [](std::string_view all) {
    std::string out;
    append_byte_level(all, out);
    return out;
  });
  return Status::ok();
}

using ByteTexts = std::array<std::string, 256>;

// The table of GPT-2: printable bytes stand for themselves, the others for the characters from U+0100 on.
ByteTexts byte_texts() {
  ByteTexts texts;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < texts.size(); ++byte) {
    const bool is_printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    unicode::append_utf8(is_printable ? byte : next++, texts[byte]);
  }
  return texts;
}

}  // namespace

void append_byte_level(std::string_view bytes, std::string& out) {
  static const ByteTexts kTexts = byte_texts();
  for (const char byte : bytes) out += kTexts[static_cast<unsigned char>(byte)];
}

Status normalise_text(std::span<const NormalizerStep> steps, TextOnWay& text) {
  for (const auto& step : steps) {
    PICTOR_TRY(std::visit([&](const auto& one) { return run(one, text); }, step));
    if (text.bytes.size() > limits::kNormalisedBytesMax) {
      return Status(Code::kLimit, "the text grows past " + std::to_string(limits::kNormalisedBytesMax) +
                                      " bytes while it is normalised: send a shorter text");
    }
  }
  return Status::ok();
}

}  // namespace pictor
