// Items as requests that put them give them. Inside serve/ only; in .cpp files alone.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>

#include "serve/api.h"
#include "serve/put_lanes.h"

namespace pictor {

std::string_view outcome_name(IngestOutcome outcome);
PutTarget put_target(const Call& call);
// A picture in it has at most `bytes_max` bytes; an address is not looked at.
Result<PutItem> item_of_json(const nlohmann::json& value, std::uint64_t bytes_max);
// Gives those that have an address their pictures, and those whose picture did not come the reason. One status an item.
std::vector<Status> fetch_pictures(const Call& call, std::span<PutItem* const> items);
// What is wrong with an item before its picture is looked at: all that the store would refuse a batch for, in which
// others have items too. An item without an id is named after its content. REQUIRES: what has an address was fetched.
Status complete(PutItem& put);
// A tenant that holds as many items as it may takes no more; what comes at the same moment may pass it by a batch.
Status check_room(const Call& call);

}  // namespace pictor
