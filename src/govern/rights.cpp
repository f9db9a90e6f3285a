#include "govern/rights.h"

#include <algorithm>
#include <array>

namespace pictor {
namespace {

constexpr std::array kRoles = {Role::kReader, Role::kWriter, Role::kReviewer, Role::kOperator, Role::kAdmin};
constexpr std::array<std::string_view, 5> kRoleNames = {"reader", "writer", "reviewer", "operator", "admin"};

struct RightRow {
  Right right;
  std::string_view name, meaning;
  std::array<bool, 5> roles;  // in the order of kRoles
};
constexpr bool kYes = true, kNot = false;
constexpr std::array<RightRow, 8> kRights = {{
    // clang-format off
    {Right::kNone,    "none",    "the pages themselves, health, the contract: no key is asked for", {kYes, kYes, kYes, kYes, kYes}},
    {Right::kInspect, "inspect", "names and sizes of collections, encoders",                        {kYes, kYes, kYes, kYes, kYes}},
    {Right::kRead,    "read",    "searches, items, pictures, vectors, receipts, history",           {kYes, kYes, kYes, kNot, kYes}},
    {Right::kWrite,   "write",   "puts and deletes items, makes collections",                       {kNot, kYes, kNot, kNot, kYes}},
    {Right::kReview,  "review",  "decides what a person is asked about",                            {kNot, kNot, kYes, kNot, kYes}},
    {Right::kErase,   "erase",   "deletes for good, deletes collections",                           {kNot, kNot, kNot, kNot, kYes}},
    {Right::kOperate, "operate", "metrics, indexes",                                                {kNot, kNot, kNot, kYes, kYes}},
    {Right::kGovern,  "govern",  "keys, tenants, the audit log",                                    {kNot, kNot, kNot, kNot, kYes}},
    // clang-format on
}};

constexpr std::array<Right, kRights.size()> rights_only() {
  std::array<Right, kRights.size()> rights{};
  for (std::size_t i = 0; i < rights.size(); ++i) rights[i] = kRights[i].right;
  return rights;
}
constexpr auto kRightsOnly = rights_only();

const RightRow& row_of(Right right) { return kRights[static_cast<std::size_t>(right)]; }

}  // namespace

std::span<const Role> all_roles() { return kRoles; }
std::span<const Right> all_rights() { return kRightsOnly; }
std::string_view role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }
std::string_view right_name(Right right) { return row_of(right).name; }
std::string_view right_meaning(Right right) { return row_of(right).meaning; }
bool role_has(Role role, Right right) { return row_of(right).roles[static_cast<std::size_t>(role)]; }

Result<Role> parse_role(std::string_view name) {
  for (const Role role : kRoles) {
    if (role_name(role) == name) return role;
  }
  return Status(Code::kInvalid,
                "role '" + std::string(name) + "' is none: wanted reader, writer, reviewer, operator or admin");
}

bool Caller::may_see(std::string_view collection) const {
  const auto fits = [collection](std::string_view pattern) {
    if (pattern.empty() || pattern.back() != '*') return pattern == collection;
    pattern.remove_suffix(1);
    return collection.substr(0, pattern.size()) == pattern;
  };
  return collections.empty() || std::any_of(collections.begin(), collections.end(), fits);
}

}  // namespace pictor
