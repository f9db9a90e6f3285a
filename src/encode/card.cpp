#include "encode/encode.h"
