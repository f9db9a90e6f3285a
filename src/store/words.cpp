#include "store/words.h"

#include <algorithm>

#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

// The words of a row: its text, and the texts in its metadata, of which a full stop parts one from the next.
constexpr const char* kWordsOfRow =
    "row, text, (SELECT group_concat(atom, ' . ') FROM json_tree(rows.metadata) WHERE type = 'text') FROM rows WHERE ";

std::string put_sql(const std::string& where) {
  return std::string("INSERT INTO words(rowid, text, fields) SELECT ") + kWordsOfRow + kHasWords + where;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ','; }

// A letter, a digit, or a byte of what is neither in ASCII: FTS5 finds no word in the rest.
bool is_of_a_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// One term from `at` on, which is no blank.
Result<WordTerm> term_at(std::string_view words, std::size_t& at) {
  WordTerm term;
  if (words[at] == '-') {
    term.without = true;
    ++at;
  }
  if (at < words.size() && words[at] == '"') {
    const std::size_t end = words.find('"', at + 1);
    if (end == std::string_view::npos) {
      return Status(Code::kInvalid,
                    "the words have a quotation from byte " + std::to_string(at) + " on that does not end");
    }
    term.text = words.substr(at + 1, end - at - 1);
    at = end + 1;
  } else {
    const std::size_t begin = at;
    while (at < words.size() && !is_blank(words[at]) && words[at] != '"') ++at;
    term.text = words.substr(begin, at - begin);
  }
  if (at < words.size() && words[at] == '*') {
    ++at;
    term.prefix = true;
  }
  if (term.text.ends_with('*')) {
    term.text.pop_back();
    term.prefix = true;
  }
  return term;
}

}  // namespace

std::string WordTerm::match() const {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + (prefix ? "\"*" : "\"");
}

Result<std::vector<WordTerm>> parse_words(std::string_view words) {
  if (words.size() > limits::kWordsBytesMax) {
    return Status(Code::kLimit, "the words have " + std::to_string(words.size()) + " bytes, at most " +
                                    std::to_string(limits::kWordsBytesMax) + " are read");
  }
  if (words.find('\0') != std::string_view::npos) return Status(Code::kInvalid, "the words have a zero byte");
  std::vector<WordTerm> terms;
  std::size_t at = 0;
  while (true) {
    while (at < words.size() && is_blank(words[at])) ++at;
    if (at == words.size()) break;
    PICTOR_ASSIGN(auto term, term_at(words, at));
    if (std::none_of(term.text.begin(), term.text.end(), is_of_a_word)) continue;
    terms.push_back(std::move(term));
    if (terms.size() <= limits::kWordsMax) continue;
    return Status(Code::kLimit, "there are more than " + std::to_string(limits::kWordsMax) + " words");
  }
  if (std::ranges::any_of(terms, [](const WordTerm& term) { return !term.without; })) return terms;
  return Status(Code::kInvalid, terms.empty() ? "there is no word to look for"
                                              : "there are only words to leave out, and none to look for");
}

std::string match_of(std::span<const WordTerm> terms) {
  std::string any, none;
  for (const auto& term : terms) {
    std::string& list = term.without ? none : any;
    list += (list.empty() ? "" : " OR ") + term.match();
  }
  return none.empty() ? any : "(" + any + ") NOT (" + none + ")";
}

Status make_words(Database& database) {
  PICTOR_TRY(database.exec("DROP TABLE IF EXISTS words"));
  PICTOR_TRY(
      database.exec("CREATE VIRTUAL TABLE words USING fts5(text, fields, content='', "
                    "tokenize='unicode61 remove_diacritics 2')"));
  return database.exec(put_sql(""));
}

Result<bool> has_words(Database& database) {
  PICTOR_ASSIGN(const auto select, database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'words'"));
  return select->step();
}

Result<std::unique_ptr<Statement>> prepare_put_words(Database& database) {
  return database.prepare(put_sql(" AND row = ?1"));
}

Result<std::unique_ptr<Statement>> prepare_remove_words(Database& database) {
  return database.prepare(std::string("INSERT INTO words(words, rowid, text, fields) SELECT 'delete', ") + kWordsOfRow +
                          kHasWords + " AND row = ?1");
}

Result<std::vector<WordHit>> find_words(Database& database, std::span<const WordTerm> terms, Sequence at,
                                        const RowSet* allowed, std::size_t k) {
  // CROSS JOIN: the words first, whatever SQLite thinks of them.
  PICTOR_ASSIGN(const auto select,
                database.prepare("SELECT words.rowid, words.rank FROM words CROSS JOIN rows ON rows.row = words.rowid "
                                 "WHERE words MATCH ?1 AND rows.born <= ?2 AND rows.died > ?2 "
                                 "ORDER BY words.rank, words.rowid LIMIT ?3"));
  const std::string match = match_of(terms);
  select->bind(0, std::string_view(match));
  select->bind(1, static_cast<std::int64_t>(at));
  select->bind(2, allowed == nullptr ? static_cast<std::int64_t>(k) : std::int64_t{-1});
  std::vector<WordHit> hits;
  while (hits.size() < k) {
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) break;
    const auto row = static_cast<RowId>(select->integer(0));
    // FTS5's rank is BM25 with its sign turned.
    if (allowed == nullptr || allowed->contains(row)) hits.push_back({row, -select->real(1)});
  }
  return hits;
}

Result<bool> has_word(Database& database, const WordTerm& term, RowId row) {
  PICTOR_ASSIGN(const auto select, database.prepare("SELECT 1 FROM words WHERE words MATCH ?1 AND rowid = ?2"));
  const std::string match = term.match();
  select->bind(0, std::string_view(match));
  select->bind(1, static_cast<std::int64_t>(row));
  return select->step();
}

Status CollectionStore::prepare_words() {
  PICTOR_ASSIGN(writer_.put_words, prepare_put_words(*writer_.database));
  PICTOR_ASSIGN(writer_.remove_words, prepare_remove_words(*writer_.database));
  has_words_ = true;
  return Status::ok();
}

Status CollectionStore::load_words() {
  PICTOR_ASSIGN(const bool made, has_words(*writer_.database));
  return made ? prepare_words() : Status::ok();
}

// What FTS5 was told to delete it only marks; merged into one, its pages have no more of it.
Status CollectionStore::forget_words() {
  return has_words_ ? writer_.database->exec("INSERT INTO words(words) VALUES('optimize')") : Status::ok();
}

Status CollectionStore::index_words(bool again) {
  if (has_words_ != again) return Status::ok();
  const std::lock_guard lock(writing_);
  if (has_words_ != again) return Status::ok();
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
  const Status made = make_words(*writer_.database);
  if (!made.is_ok()) return made.in("the index of words");
  PICTOR_TRY(transaction.commit());
  return prepare_words();
}

}  // namespace pictor
