// The door of engine. ingest.cpp and search.cpp read as the two tables of ARCHITECTURE.md.
#pragma once

#include "pictor/engine.h"
