// Words of items: what a query by words says, and the index that answers it. Inside store/ only.
//
// The index is SQLite's FTS5 (table `words`, docs/formats/data-folder.md), without a copy of the texts, derived from
// the rows, made when somebody first asks by words and from then on written in the transactions of the rows. Dead rows
// stay in it as long as they stay rows, so that the past is searched as the present is. Thread safety: free functions
// over a connection.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/db.h"
#include "store/store.h"

namespace pictor {

// One word, phrase or beginning of a word of a query.
struct WordTerm {
  std::string text;           // as it was given, without its signs
  bool prefix = false;        // boat*
  bool without = false;       // -boat
  std::string match() const;  // as FTS5 wants it
};

// kInvalid: nothing to look for, or a quotation that does not end, with its place; kLimit: too long, or too many.
Result<std::vector<WordTerm>> parse_words(std::string_view words);
// Any of the terms, and none of those that are left out.
std::string match_of(std::span<const WordTerm> terms);

// SQL. Rows with nothing to find are not in the index.
inline constexpr const char* kHasWords = "(text <> '' OR metadata <> '{}')";
Status make_words(Database& database);  // in a transaction of the caller
Result<bool> has_words(Database& database);
// The same words as they were put: the index cannot tell. REQUIRES: the row is still there.
Result<std::unique_ptr<Statement>> prepare_put_words(Database& database);     // ?1 row
Result<std::unique_ptr<Statement>> prepare_remove_words(Database& database);  // ?1 row
Result<std::vector<WordHit>> find_words(Database& database, std::span<const WordTerm> terms, Sequence at,
                                        const RowSet* allowed, std::size_t k);
Result<bool> has_word(Database& database, const WordTerm& term, RowId row);

}  // namespace pictor
