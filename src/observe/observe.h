// The door of observe: what Pictor tells of itself while it runs. Logs, metrics, traces, and how long things took.
#pragma once

#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/metrics_table.h"
#include "observe/process.h"
#include "observe/stage_timer.h"
#include "observe/stopwatch.h"
#include "observe/trace.h"
