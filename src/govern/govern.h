// The door of govern: who may do what, and what was done.
#pragma once

#include "govern/audit.h"
#include "govern/governor.h"
#include "govern/json.h"
#include "govern/repeats.h"
#include "govern/rights.h"
