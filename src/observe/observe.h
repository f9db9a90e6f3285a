// The door of observe: what Pictor tells of itself while it runs. Logs, metrics, and how long things took.
#pragma once

#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/metrics_table.h"
#include "observe/stopwatch.h"
