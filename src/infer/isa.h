// The instruction-set class under which a network's bits are equal.
#pragma once

#include <string>
#include <string_view>

namespace pictor {

// What the machine offers, cut to what `cap` (the value of ONEDNN_MAX_CPU_ISA, empty: no cap) allows.
std::string isa_class_of_machine(std::string_view cap);
// The same with the cap that this process's environment set when it was first asked for, or limit_isa_class since. From
// any thread.
std::string isa_class_of_process();
// Whether the class multiplies u8 by int8 and adds in 32 bits. Without it two products are added in 16 bits, where the
// sum of two large ones is cut: a network of full int8 weights then answers wrongly.
bool has_exact_int8(std::string_view isa_class);
// From now on limit_isa_class comes too late: the run time asks once.
void note_isa_in_use();

}  // namespace pictor
