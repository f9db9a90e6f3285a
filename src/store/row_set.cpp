#include <algorithm>
#include <bit>
#include <cstring>

#include "store/row_pages.h"

namespace pictor {
namespace {

std::uint64_t page_of(RowId row) { return row / kPageRows; }
std::uint16_t low_of(RowId row) { return static_cast<std::uint16_t>(row % kPageRows); }

bool test(const PageWords& words, std::uint16_t low) { return (words[low / 64] >> (low % 64) & 1) != 0; }

// The first position from `at` on whose value is not less, in steps that double: near ones are found fast.
template <typename T>
std::size_t gallop(std::span<const T> values, std::size_t at, T wanted) {
  std::size_t step = 1;
  std::size_t end = at;
  while (end < values.size() && values[end] < wanted) {
    at = end + 1;
    end += step;
    step *= 2;
  }
  end = std::min(end, values.size());
  const auto found = std::lower_bound(values.begin() + static_cast<std::ptrdiff_t>(at),
                                      values.begin() + static_cast<std::ptrdiff_t>(end), wanted);
  return static_cast<std::size_t>(found - values.begin());
}

void mark_page(const RowPage& page, std::span<const RowId> rows, std::uint8_t* out) {
  if (page.words != nullptr) {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = test(*page.words, low_of(rows[i])) ? 1 : 0;
    return;
  }
  const std::span<const std::uint16_t> few(page.few);
  std::size_t at = 0;
  if (few.size() < rows.size()) {
    std::memset(out, 0, rows.size());
    for (const auto low : few) {
      const RowId wanted = page.number * kPageRows + low;
      at = gallop(rows, at, wanted);
      if (at == rows.size()) return;
      for (; at < rows.size() && rows[at] == wanted; ++at) out[at] = 1;
    }
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    at = gallop(few, at, low_of(rows[i]));
    out[i] = at < few.size() && few[at] == low_of(rows[i]) ? 1 : 0;
  }
}

std::shared_ptr<const RowPage> page_from(std::uint64_t number, const PageWords& words) {
  auto page = std::make_shared<RowPage>();
  page->number = number;
  for (const auto word : words) page->count += static_cast<std::uint32_t>(std::popcount(word));
  if (page->count >= kPageFewMax) {
    page->words = std::make_unique<PageWords>(words);
    return page;
  }
  page->few.reserve(page->count);
  for (std::size_t i = 0; i < kPageWords; ++i) {
    for (std::uint64_t word = words[i]; word != 0; word &= word - 1) {
      page->few.push_back(static_cast<std::uint16_t>(i * 64 + static_cast<std::size_t>(std::countr_zero(word))));
    }
  }
  return page;
}

}  // namespace

bool RowPage::contains(std::uint16_t low) const {
  return words != nullptr ? test(*words, low) : std::binary_search(few.begin(), few.end(), low);
}

void RowPage::copy_to(PageWords& out) const {
  if (words != nullptr) {
    out = *words;
    return;
  }
  out.fill(0);
  for (const auto low : few) out[low / 64] |= std::uint64_t{1} << (low % 64);
}

// Rows count from 1 without gaps, so a page nearly always lies where its number says.
const RowPage* RowSet::Bits::find(std::uint64_t number) const {
  if (pages.empty() || number < pages.front()->number) return nullptr;
  const std::uint64_t guess = number - pages.front()->number;
  if (guess < pages.size() && pages[guess]->number == number) return pages[guess].get();
  const auto found = std::lower_bound(pages.begin(), pages.end(), number,
                                      [](const auto& page, std::uint64_t wanted) { return page->number < wanted; });
  return found != pages.end() && (*found)->number == number ? found->get() : nullptr;
}

bool RowSet::contains(RowId row) const {
  const RowPage* page = bits_ == nullptr ? nullptr : bits_->find(page_of(row));
  return page != nullptr && page->contains(low_of(row));
}

std::uint64_t RowSet::size() const { return bits_ == nullptr ? 0 : bits_->size; }

void RowSet::mark(std::span<const RowId> ascending_rows, std::span<std::uint8_t> out) const {
  std::size_t begin = 0;
  while (begin < ascending_rows.size()) {
    const std::uint64_t number = page_of(ascending_rows[begin]);
    const std::size_t end = number == UINT64_MAX / kPageRows
                                ? ascending_rows.size()
                                : gallop(ascending_rows, begin, RowId{(number + 1) * kPageRows});
    const RowPage* page = bits_ == nullptr ? nullptr : bits_->find(number);
    if (page == nullptr) {
      std::memset(out.data() + begin, 0, end - begin);
    } else {
      mark_page(*page, ascending_rows.subspan(begin, end - begin), out.data() + begin);
    }
    begin = end;
  }
}

std::size_t RowSet::after(RowId after, std::span<RowId> out) const {
  std::size_t count = 0;
  if (bits_ == nullptr) return count;
  const RowId begin = after + 1;
  const auto first = std::lower_bound(bits_->pages.begin(), bits_->pages.end(), page_of(begin),
                                      [](const auto& page, std::uint64_t wanted) { return page->number < wanted; });
  for (auto at = first; at != bits_->pages.end() && count < out.size(); ++at) {
    const RowPage& page = **at;
    const RowId base = page.number * kPageRows;
    std::size_t low = page.number == page_of(begin) ? low_of(begin) : 0;
    if (page.words == nullptr) {
      const auto rows = std::lower_bound(page.few.begin(), page.few.end(), low);
      for (auto row = rows; row != page.few.end() && count < out.size(); ++row) out[count++] = base + *row;
      continue;
    }
    while (low < kPageRows && count < out.size()) {
      const std::uint64_t word = (*page.words)[low / 64] >> (low % 64);
      if (word == 0) {
        low = (low / 64 + 1) * 64;
        continue;
      }
      low += static_cast<std::size_t>(std::countr_zero(word));
      out[count++] = base + low++;
    }
  }
  return count;
}

RowSet RowSet::of(std::span<const RowId> rows) {
  RowPages pages;
  if (std::is_sorted(rows.begin(), rows.end())) {
    for (const RowId row : rows) pages.add(row);
    return pages.take();
  }
  std::vector<RowId> ordered(rows.begin(), rows.end());
  std::sort(ordered.begin(), ordered.end());
  for (const RowId row : ordered) pages.add(row);
  return pages.take();
}

void RowPages::turn_to(std::uint64_t page) {
  if (page == open_) return;
  close();
  if (words_ == nullptr) words_ = std::make_unique<PageWords>();
  open_ = page;
  const auto known = pages_.find(page);
  if (known == pages_.end()) {
    words_->fill(0);
  } else {
    known->second->copy_to(*words_);
  }
}

void RowPages::close() {
  if (open_ == UINT64_MAX) return;
  const RowPage* dead = without_.bits() == nullptr ? nullptr : without_.bits()->find(open_);
  if (dead != nullptr && dead->words != nullptr) {
    for (std::size_t i = 0; i < kPageWords; ++i) (*words_)[i] &= ~(*dead->words)[i];
  } else if (dead != nullptr) {
    for (const auto low : dead->few) (*words_)[low / 64] &= ~(std::uint64_t{1} << (low % 64));
  }
  auto page = page_from(open_, *words_);
  if (page->count == 0) {
    pages_.erase(open_);
  } else {
    pages_[open_] = std::move(page);
  }
  open_ = UINT64_MAX;
}

void RowPages::add(const RowSet& rows) {
  if (rows.bits() == nullptr) return;
  const bool plain = without_.size() == 0;
  for (const auto& page : rows.bits()->pages) {
    if (plain && page->number != open_ && pages_.emplace(page->number, page).second) continue;
    turn_to(page->number);
    PageWords words;
    page->copy_to(words);
    for (std::size_t i = 0; i < kPageWords; ++i) (*words_)[i] |= words[i];
  }
}

void RowPages::add(RowId row) {
  turn_to(page_of(row));
  (*words_)[low_of(row) / 64] |= std::uint64_t{1} << (row % 64);
}

void RowPages::add_word(RowId first, std::uint64_t word) {
  if (word == 0) return;
  turn_to(page_of(first));
  const std::size_t shift = first % 64;
  const std::size_t at = low_of(first) / 64;
  (*words_)[at] |= word << shift;
  if (shift == 0 || word >> (64 - shift) == 0) return;
  if (at + 1 == kPageWords) turn_to(page_of(first) + 1);
  (*words_)[(at + 1) % kPageWords] |= word >> (64 - shift);
}

void RowPages::add(RowId first, std::size_t count, std::span<const std::uint64_t> words) {
  for (std::size_t i = 0; i * 64 < count; ++i) add_word(first + i * 64, words[i]);
}

RowSet RowPages::take() {
  close();
  if (pages_.empty()) return {};
  auto bits = std::make_shared<RowSet::Bits>();
  bits->pages.reserve(pages_.size());
  for (auto& [number, page] : pages_) {
    bits->size += page->count;
    bits->pages.push_back(std::move(page));
  }
  pages_.clear();
  return RowSet(std::move(bits));
}

void Deaths::add(RowId row, Sequence at) {
  const std::lock_guard lock(mutex_);
  log_.emplace_back(at, row);
}

RowSet Deaths::as_of(Sequence at) const {
  const std::lock_guard lock(mutex_);
  const auto later = std::upper_bound(log_.begin(), log_.end(), std::pair(at, UINT64_MAX));
  const auto count = static_cast<std::size_t>(later - log_.begin());
  if (count < known_count_) return with_first(base_, 0, count);
  if (count > known_count_) {
    known_ = with_first(known_, known_count_, count);
    known_count_ = count;
  }
  return known_;
}

RowSet Deaths::with_first(const RowSet& start, std::size_t begin, std::size_t end) const {
  RowPages pages;
  pages.add(start);
  std::vector<RowId> rows;
  for (std::size_t i = begin; i < end; ++i) rows.push_back(log_[i].second);
  std::sort(rows.begin(), rows.end());
  for (const RowId row : rows) pages.add(row);
  return pages.take();
}

}  // namespace pictor
