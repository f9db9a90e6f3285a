// The instruction-set class under which a network's bits are equal.
#pragma once

#include <string>
#include <string_view>

namespace pictor {

// What the machine offers, cut to what `cap` (the value of ONEDNN_MAX_CPU_ISA, empty: no cap) allows.
std::string isa_class_of_machine(std::string_view cap);

}  // namespace pictor
