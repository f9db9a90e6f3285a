// Which web servers may be asked, and which addresses connected to. Inside net/ only. Thread safety: pure functions.
#pragma once

#include <sys/socket.h>

#include <cstddef>

#include "net/transport.h"

namespace pictor {

// kDenied: the host or the port of `url` is none that `reach` names.
Status check_reach(const HttpReach& reach, const Url& url);
// Is it one of the public internet? `address` has `bytes` bytes; what is no whole IPv4 or IPv6 address is not.
bool is_public_address(const sockaddr* address, std::size_t bytes);

}  // namespace pictor
