// The door of remote: an engine over HTTP.
#pragma once

#include "pictor/remote.h"
