// The numbers behind derive.cpp: vectors of a head before they have length 1, the matrix that is fitted on them, and
// what it does to neighbours.
#pragma once

#include <string>
#include <vector>

#include "encode/card.h"

namespace pictor {

// out[d] = sum over c of in[c] * matrix[c * out + d], plus bias[d].
struct LinearHead {
  std::size_t in = 0, out = 0;
  std::vector<double> matrix;
  std::vector<double> bias;  // empty: none
};

// What the side does to a pooled vector until now, then `next`: one matrix. Numbers that are cut off count for nothing.
Result<LinearHead> compose_heads(Env& env, const CardDetails& details, const HeadSide& side, const LinearHead& next);
std::vector<float> to_floats(const std::vector<double>& numbers);

// kCancelled once the request is to stop.
Status go_on(const DeriveRequest& request);

// One after the other, `dim` numbers each, as the head has them before it gives them length 1.
struct DeriveVectors {
  std::size_t dim = 0;
  std::vector<float> fitted;    // pictures
  std::vector<float> texts;     // fitted on too
  std::vector<float> measured;  // pictures, none of them fitted
};
Result<DeriveVectors> collect_vectors(Env& env, const CardDetails& base, std::size_t head, const Runtime& runtime,
                                      const DeriveRequest& request, DerivedEncoder& report);

// A head of pictures alone is centred: its mean becomes the bias. A head that texts share is not: see the note it
// makes.
Result<LinearHead> fit_pca(const DeriveVectors& vectors, const CardHead& head, const DeriveRequest& request,
                           DerivedEncoder& report);

// Neighbours of the measured pictures, by cosine, before and after.
void measure_overlap(const DeriveVectors& vectors, const LinearHead& linear, const DeriveRequest& request,
                     DerivedEncoder& report);

}  // namespace pictor
