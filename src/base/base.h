// The door of base: the ground that every room stands on. It knows nothing of pictures, vectors or databases.
#pragma once

#include "base/base64.h"
#include "base/bytes.h"
#include "base/env.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/sign.h"
#include "base/simulated_env.h"
#include "base/thread_pool.h"
#include "pictor/status.h"
