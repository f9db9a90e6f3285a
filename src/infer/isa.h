// The instruction-set class under which a network's bits are equal.
#pragma once

#include <string>
#include <string_view>

namespace pictor {

// What the machine offers, cut to what `cap` (the value of ONEDNN_MAX_CPU_ISA, empty: no cap) allows.
std::string isa_class_of_machine(std::string_view cap);
// The same with the cap that this process's environment sets.
std::string isa_class_of_process();
// From now on limit_isa_class comes too late: the run time asks once.
void note_isa_in_use();

}  // namespace pictor
