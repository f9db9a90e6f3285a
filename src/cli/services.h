// What the command line needs from the rest of the house, as values, so that its tests run with small stand-ins.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/engine.h"
#include "pictor/mcp.h"
#include "pictor/remote.h"
#include "pictor/server.h"

namespace pictor {

enum class ThumbnailFormat : std::uint8_t { kJpeg, kPng };

// Which pictures a terminal can show between its lines.
enum class PictureProtocol : std::uint8_t { kNone, kKitty, kIterm };

struct Terminal {
  bool out_is_tty = false, err_is_tty = false, in_is_tty = false;
  std::size_t width = 80;
  bool colour = false;
  PictureProtocol pictures = PictureProtocol::kNone;
};

struct Services {
  std::function<Result<std::unique_ptr<Engine>>(Env&, const EngineOptions&)> open_engine;
  // A picture file made small: at most `side` pixels on its longer side.
  std::function<Result<Bytes>(ByteView file, std::uint32_t side, ThumbnailFormat format)> thumbnail;
  std::string version;
  std::vector<std::string> build_details;
  std::istream* in = nullptr;  // where questions are answered
  Terminal terminal;
  bool process_ends = false;  // with this run: EngineOptions::leave_networks
  std::function<Result<std::unique_ptr<Server>>(Env&, Engine&, const ServerOptions&)> start_server;  // may be null
  std::function<Status(Engine&, std::istream&, std::ostream&, const McpOptions&)> serve_mcp;         // likewise
  // The engine of a server; null: there are no others.
  std::function<Result<std::unique_ptr<Engine>>(Env&, const RemoteOptions&)> connect;
};

// The machine's own: environment, standard streams.
Terminal find_terminal();
// Empty when it is not set.
std::string environment(const std::string& name);

int run_cli_with(int argc, char** argv, const Services& services, std::ostream& out, std::ostream& err);

}  // namespace pictor
