// The door of mcp: assistants speak to the engine by the Model Context Protocol.
#pragma once

#include "base/base.h"
#include "pictor/mcp.h"
