// Requests in JSON: JsonReader and parse_request_json, which the doors share, are engine's.
#pragma once

#include "engine/engine.h"
