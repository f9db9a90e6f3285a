#include "observe/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <tuple>

#include "observe/observe.h"

namespace pictor {
namespace {

const std::string kTraceId = "0af7651916cd43dd8448eb211c80319c";
const std::string kParentId = "b7ad6b7169203331";
const std::string kParent = "00-" + kTraceId + "-" + kParentId + "-01";

TEST(TraceParent, is_read_as_the_standard_spells_it) {
  const auto parent = parse_traceparent(kParent);
  ASSERT_TRUE(parent.has_value());
  EXPECT_EQ(parent->trace_id, kTraceId);
  EXPECT_EQ(parent->parent_id, kParentId);
  EXPECT_TRUE(parent->sampled);
  EXPECT_FALSE(parse_traceparent("00-" + kTraceId + "-" + kParentId + "-00")->sampled);
  EXPECT_FALSE(parse_traceparent("00-" + kTraceId + "-" + kParentId + "-fe")->sampled) << "other flags are not ours";
  EXPECT_TRUE(parse_traceparent("00-" + kTraceId + "-" + kParentId + "-03")->sampled);
  EXPECT_TRUE(parse_traceparent("cc-" + kTraceId + "-" + kParentId + "-01").has_value()) << "a later version";
  EXPECT_TRUE(parse_traceparent("cc-" + kTraceId + "-" + kParentId + "-01-what-ever").has_value());
}

TEST(TraceParent, that_is_malformed_is_none) {
  for (const std::string& bad :
       {std::string(), kParent.substr(0, 54), kParent + "-x", kParent + "0",
        "cc-" + kTraceId + "-" + kParentId + "-01x", "ff-" + kTraceId + "-" + kParentId + "-01",
        "0x-" + kTraceId + "-" + kParentId + "-01", "00-" + std::string(32, '0') + "-" + kParentId + "-01",
        "00-" + kTraceId + "-" + std::string(16, '0') + "-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" + kParentId + "-01", "00-" + kTraceId + "-" + kParentId + "-0G",
        "00_" + kTraceId + "-" + kParentId + "-01", "00-" + kTraceId + "_" + kParentId + "-01",
        "00-" + kTraceId + "-" + kParentId + "_01", " " + kParent, std::string(55, '-')}) {
    EXPECT_FALSE(parse_traceparent(bad).has_value()) << bad;
  }
}

TEST(TraceState, is_checked_whole) {
  EXPECT_TRUE(is_tracestate(""));
  EXPECT_TRUE(is_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  EXPECT_TRUE(is_tracestate("0tenant@vendor=a b , x/y*_-=1,"));
  for (const char* bad :
       {"a", "=b", "a=", "A=b", "0a=b", "a=b,a=c", "a=b=c", "a@0b=c", "@a=b", "a=\x7f", "a=\xc3\xa9"}) {
    EXPECT_FALSE(is_tracestate(bad)) << bad;
  }
  std::string many;
  for (int i = 0; i < 32; ++i) many += "a" + std::to_string(i) + "=1,";
  EXPECT_TRUE(is_tracestate(many));
  EXPECT_FALSE(is_tracestate(many + "b=1"));
  EXPECT_FALSE(is_tracestate("a=" + std::string(257, 'x')));
  EXPECT_FALSE(is_tracestate("a=" + std::string(255, 'x') + ",b=" + std::string(255, 'x'))) << "more than 512 bytes";
}

TEST(TraceContext, goes_on_with_what_came_and_begins_what_did_not) {
  SimulatedEnv env(7);
  const auto on = continue_trace(env, kParent, "rojo=1", 0);
  EXPECT_EQ(on.trace_id, kTraceId);
  EXPECT_EQ(on.parent_id, kParentId);
  EXPECT_EQ(on.state, "rojo=1");
  EXPECT_TRUE(on.sampled) << "a sampled parent is taken whatever the rate";
  EXPECT_NE(on.span_id(), kParentId);
  EXPECT_EQ(parse_traceparent(on.traceparent())->parent_id, on.span_id());
  EXPECT_FALSE(continue_trace(env, kParent, "", -1).sampled);
  EXPECT_EQ(continue_trace(env, kParent, "ROJO=1", 0).state, "") << "a bad state is left out, the parent is not";
  const std::string unsampled = kParent.substr(0, 54) + "0";
  EXPECT_FALSE(continue_trace(env, unsampled, "", 1).sampled);
  const auto begun = continue_trace(env, "nonsense", "rojo=1", 1);
  EXPECT_EQ(begun.parent_id, "");
  EXPECT_EQ(begun.state, "");
  EXPECT_TRUE(begun.sampled);
  EXPECT_TRUE(parse_traceparent(begun.traceparent()).has_value()) << begun.traceparent();
}

TEST(TraceContext, as_many_as_the_rate_says_are_sampled) {
  SimulatedEnv env(8);
  const auto sampled_of = [&](double rate) {
    int sampled = 0;
    for (int i = 0; i < 4000; ++i) sampled += continue_trace(env, "", "", rate).sampled ? 1 : 0;
    return sampled;
  };
  EXPECT_EQ(sampled_of(0), 0);
  EXPECT_EQ(sampled_of(-1), 0);
  EXPECT_EQ(sampled_of(1), 4000);
  EXPECT_NEAR(sampled_of(0.25), 1000, 150);
}

TraceContext context_of(Env& env) { return continue_trace(env, kParent, "", 1); }

TEST(Trace, spans_stand_below_those_that_were_open) {
  SimulatedEnv env(9);
  const std::int64_t begin = env.monotonic_us();
  Trace trace(env, context_of(env), begin);
  {
    const TraceScope scope({&trace, trace.context().span});
    const TraceSpan outer("outer");
    env.advance_us(10);
    {
      TraceSpan inner("inner");
      inner.note("what", "some");
      env.advance_us(5);
    }
    add_trace_span("told", begin + 2, begin + 4);
    TraceSpan dropped("dropped");
    dropped.drop();
  }
  EXPECT_EQ(TraceLink::current().trace, nullptr);
  const auto finished = trace.finish("request", {}, false);
  ASSERT_EQ(finished.spans.size(), 4U);
  const auto& [root, inner, told, outer] =
      std::tie(finished.spans[0], finished.spans[1], finished.spans[2], finished.spans[3]);
  EXPECT_EQ(root.name, "request");
  EXPECT_EQ(root.id, trace.context().span);
  EXPECT_EQ(outer.parent, root.id);
  EXPECT_EQ(inner.parent, outer.id);
  EXPECT_EQ(told.parent, outer.id);
  EXPECT_EQ(inner.end_us - inner.begin_us, 5);
  EXPECT_EQ(outer.end_us - outer.begin_us, 15);
  EXPECT_EQ(outer.begin_us, env.wall_us() - 15) << "times are since 1970";
  EXPECT_EQ(told.end_us - told.begin_us, 2);
  ASSERT_EQ(inner.attributes.size(), 1U);
  EXPECT_EQ(std::get<std::string>(inner.attributes[0].value), "some");
}

TEST(Trace, where_none_is_recorded_spans_cost_nothing_and_leave_nothing) {
  const TraceSpan span("x");
  EXPECT_FALSE(span.recorded());
  EXPECT_EQ(TraceLink::current().trace, nullptr);
}

TEST(Trace, other_threads_go_on_from_a_link_and_no_two_spans_have_one_id) {
  SimulatedEnv env(10);
  Trace trace(env, context_of(env), 0);
  const TraceLink link{&trace, trace.context().span};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([link] {
      for (int i = 0; i < 20; ++i) {
        const TraceSpan outer("outer", link);
        const TraceSpan inner("inner");
      }
      EXPECT_EQ(TraceLink::current().trace, nullptr);
    });
  }
  for (auto& thread : threads) thread.join();
  const auto finished = trace.finish("request", {}, true);
  EXPECT_EQ(finished.spans.size(), Trace::kSpansMax + 1);
  std::set<std::uint64_t> ids;
  for (const Span& span : finished.spans) EXPECT_TRUE(ids.insert(span.id).second);
  ASSERT_EQ(finished.spans[0].attributes.size(), 1U);
  EXPECT_EQ(finished.spans[0].attributes[0].name, "pictor.spans_left_out");
  EXPECT_EQ(std::get<std::int64_t>(finished.spans[0].attributes[0].value), 160 - 128);
  EXPECT_TRUE(finished.failed);
}

TEST(QueryStage, a_timer_is_a_value_of_its_histogram_and_a_span) {
  Trace trace(Env::real(), context_of(Env::real()), Env::real().monotonic_us());
  const auto filter = static_cast<std::size_t>(QueryStage::kFilter);
  const auto before = Metrics::global().observations(MetricId::kQueryStageSeconds, filter);
  {
    const TraceScope scope({&trace, trace.context().span});
    EXPECT_EQ(timed(QueryStage::kFilter, [] { return 7; }), 7);
  }
  EXPECT_EQ(Metrics::global().observations(MetricId::kQueryStageSeconds, filter), before + 1);
  EXPECT_EQ(trace.finish("request", {}, false).spans.at(1).name, "filter");
}

}  // namespace
}  // namespace pictor
