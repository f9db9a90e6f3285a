// The door of measure: how good answers are, from judgements, and how sure of that one may be.
//
// Judgements and runs are texts that others gave (TREC qrels and run files, CSV, JSON lines); scores agree with
// trec_eval; intervals and tests are seeded, so that the same numbers come again. Nothing here reads a file or asks an
// engine. Thread safety: free functions and values.
#pragma once

#include "measure/altered.h"
#include "measure/evaluation.h"
#include "measure/judgements.h"
#include "measure/measures.h"
#include "measure/paired.h"
#include "measure/queries.h"
#include "measure/ranked_run.h"
#include "measure/samples.h"
