// Roles, and what each may do. One table (rights.cpp); docs/reference/roles.md is printed from it.
//
// Thread safety: values and free functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

enum class Role : std::uint8_t { kReader, kWriter, kReviewer, kOperator, kAdmin };

enum class Right : std::uint8_t {
  kNone,     // what anybody may: pages without data, health, the contract
  kInspect,  // names and sizes of collections, encoders
  kRead,     // searches, items, pictures, vectors
  kWrite,    // puts and deletes items, makes collections
  kReview,   // decides what a person is asked about
  kErase,    // deletes for good, deletes collections
  kOperate,  // metrics, indexes
  kGovern,   // keys, tenants, the audit log
};

std::span<const Role> all_roles();
std::span<const Right> all_rights();
std::string_view role_name(Role role);     // "reader"
std::string_view right_name(Right right);  // "read"
std::string_view right_meaning(Right right);
Result<Role> parse_role(std::string_view name);
bool role_has(Role role, Right right);

// Who makes a request, once that is known.
struct Caller {
  std::string key;     // its id; empty: nobody needs a key here
  std::string tenant;  // empty: the main one
  Role role = Role::kAdmin;
  std::vector<std::string> collections;  // names, or beginnings of names before a '*'; empty: all

  bool may(Right right) const { return role_has(role, right); }
  bool may_see(std::string_view collection) const;
};

}  // namespace pictor
