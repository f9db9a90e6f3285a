#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "base/base.h"

namespace pictor {
namespace {

constexpr std::uint64_t kSeeds = 40;

Bytes bytes_of(std::string_view text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string content(Env& env, const std::string& path) {
  const auto bytes = read_file(env, path, 1 << 24);
  return bytes.is_ok() ? std::string(as_text(bytes.value())) : "(" + bytes.status().to_string() + ")";
}

// Makes a file whose content and name are durable.
void make_durable(Env& env, const std::string& path, std::string_view text) {
  ASSERT_TRUE(env.make_dirs(parent_path(path)).is_ok());
  ASSERT_TRUE(write_file_atomic(env, path, as_bytes(text)).is_ok());
  ASSERT_TRUE(env.sync_dir(parent_path(parent_path(path))).is_ok());
}

// What a call did over many seeds.
template <typename Work>
std::set<std::string> outcomes(Work work) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedEnv env(seed);
    seen.insert(work(env));
  }
  return seen;
}

TEST(SimulatedEnv, written_bytes_may_vanish_until_they_are_synced_and_never_after) {
  const auto run = [](SimulatedEnv& env, bool sync) {
    make_durable(env, "d/a", "old");
    auto file = std::move(env.open("d/a", OpenMode::kReadWrite)).value();
    EXPECT_TRUE(file->write_at(0, as_bytes("new")).is_ok());
    if (sync) {
      EXPECT_TRUE(file->sync().is_ok());
    }
    env.power_loss();
    return content(env, "d/a");
  };
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, false); }), (std::set<std::string>{"new", "old"}));
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, true); }), (std::set<std::string>{"new"}));
}

TEST(SimulatedEnv, writes_are_reordered_and_torn_at_sectors) {
  const auto seen = outcomes([](SimulatedEnv& env) {
    make_durable(env, "d/a", std::string(1536, 'o'));
    auto file = std::move(env.open("d/a", OpenMode::kReadWrite)).value();
    EXPECT_TRUE(file->write_at(0, as_bytes(std::string(1024, 'x'))).is_ok());
    EXPECT_TRUE(file->write_at(1024, as_bytes(std::string(512, 'y'))).is_ok());
    env.power_loss();
    const auto text = content(env, "d/a");
    EXPECT_EQ(text.size(), 1536U);
    std::string sectors;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(text.substr(i * 512, 512), std::string(512, text[i * 512])) << "a sector is never halved";
      sectors += text[i * 512];
    }
    return sectors;
  });
  EXPECT_TRUE(seen.contains("ooy")) << "the later write without the earlier one";
  EXPECT_TRUE(seen.contains("xoo") || seen.contains("oxo") || seen.contains("xoy") || seen.contains("oxy"));
  EXPECT_TRUE(seen.contains("ooo") && seen.contains("xxy"));
}

TEST(SimulatedEnv, a_new_name_may_vanish_until_its_folder_is_synced_even_when_the_file_is_synced) {
  const auto run = [](SimulatedEnv& env, bool sync_dir) {
    auto file = std::move(env.open("a", OpenMode::kCreateNew)).value();
    EXPECT_TRUE(file->write_at(0, as_bytes("1")).is_ok());
    EXPECT_TRUE(file->sync().is_ok());
    if (sync_dir) {
      EXPECT_TRUE(env.sync_dir(".").is_ok());
    }
    env.power_loss();
    return exists(env, "a") ? content(env, "a") : "none";
  };
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, false); }), (std::set<std::string>{"1", "none"}));
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, true); }), (std::set<std::string>{"1"}));
}

TEST(SimulatedEnv, a_rename_is_the_old_state_or_the_new_one_until_the_folder_is_synced) {
  const auto run = [](SimulatedEnv& env, bool sync_dir) {
    make_durable(env, "d/a", "A");
    make_durable(env, "d/b", "B");
    EXPECT_TRUE(env.rename("d/a", "d/b").is_ok());
    if (sync_dir) {
      EXPECT_TRUE(env.sync_dir("d").is_ok());
    }
    env.power_loss();
    return (exists(env, "d/a") ? content(env, "d/a") : "-") + content(env, "d/b");
  };
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, false); }), (std::set<std::string>{"AB", "-A"}));
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, true); }), (std::set<std::string>{"-A"}));
}

TEST(SimulatedEnv, a_removed_file_may_come_back_until_the_folder_is_synced) {
  const auto run = [](SimulatedEnv& env, bool sync_dir) {
    make_durable(env, "d/a", "A");
    EXPECT_TRUE(env.remove("d/a").is_ok());
    if (sync_dir) {
      EXPECT_TRUE(env.sync_dir("d").is_ok());
    }
    env.power_loss();
    return exists(env, "d/a") ? content(env, "d/a") : "none";
  };
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, false); }), (std::set<std::string>{"A", "none"}));
  EXPECT_EQ(outcomes([&](auto& env) { return run(env, true); }), (std::set<std::string>{"none"}));
}

TEST(SimulatedEnv, a_removed_folder_never_takes_a_file_along_that_was_moved_out_of_it) {
  const auto seen = outcomes([](SimulatedEnv& env) {
    make_durable(env, "d/a", "A");
    EXPECT_TRUE(env.make_dirs("e").is_ok());
    EXPECT_TRUE(env.sync_dir(".").is_ok());
    EXPECT_TRUE(env.rename("d/a", "e/a").is_ok());
    EXPECT_TRUE(env.remove("d").is_ok());
    Bytes dice(1);
    env.random(dice);
    if (dice[0] < std::byte{128}) {
      EXPECT_TRUE(env.sync_dir(".").is_ok());
    }
    env.power_loss();
    return exists(env, "d/a") ? content(env, "d/a") : content(env, "e/a");
  });
  EXPECT_EQ(seen, (std::set<std::string>{"A"}));
}

TEST(SimulatedEnv, a_file_moved_there_and_back_does_not_move_again_once_the_last_move_is_durable) {
  const auto seen = outcomes([](SimulatedEnv& env) {
    make_durable(env, "d/a", "A");
    make_durable(env, "e/b", "B");
    EXPECT_TRUE(env.rename("d/a", "e/b").is_ok());
    EXPECT_TRUE(env.rename("e/b", "d/c").is_ok());
    EXPECT_TRUE(env.sync_dir("d").is_ok());
    Bytes dice(1);
    env.random(dice);
    const bool both = dice[0] < std::byte{128};
    if (both) {
      EXPECT_TRUE(env.sync_dir("e").is_ok());
    }
    env.power_loss();
    if (both) {
      EXPECT_FALSE(exists(env, "e/b"));
    }
    EXPECT_FALSE(exists(env, "d/a"));
    return content(env, "d/c");
  });
  EXPECT_EQ(seen, (std::set<std::string>{"A"}));
}

TEST(SimulatedEnv, an_atomic_write_leaves_the_old_bytes_or_the_new_ones_at_every_fault) {
  const std::string old_text(3000, 'o');
  const std::string new_text(5000, 'n');
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (std::uint64_t fault = 1;; ++fault) {
      ASSERT_LT(fault, 100U);
      SimulatedEnv env(seed);
      make_durable(env, "d/a", old_text);
      env.set_fault_after(fault);
      const bool acknowledged = write_file_atomic(env, "d/a", as_bytes(new_text)).is_ok();
      const bool out = env.power_is_out();
      ASSERT_NE(acknowledged, out);
      env.power_loss();
      const auto found = content(env, "d/a");
      ASSERT_TRUE(found == new_text || (found == old_text && !acknowledged))
          << "seed " << seed << ", fault " << fault << ": " << env.fault() << ", " << found.size() << " bytes";
      if (!out) break;
    }
  }
}

TEST(SimulatedEnv, an_atomic_write_without_any_one_of_its_syncs_is_caught) {
  for (const auto ignored : {SimulatedEnv::Operation::kSync, SimulatedEnv::Operation::kSyncDir}) {
    const auto seen = outcomes([&](SimulatedEnv& env) {
      make_durable(env, "d/a", "old");
      env.ignore_syncs([&](auto operation, const auto&) { return operation == ignored; });
      EXPECT_TRUE(write_file_atomic(env, "d/a", as_bytes("new")).is_ok());
      env.power_loss();
      return content(env, "d/a");
    });
    EXPECT_GT(seen.size(), 1U) << "operation " << static_cast<int>(ignored);
  }
}

TEST(SimulatedEnv, everything_fails_after_the_fault_until_power_returns_and_old_handles_stay_dead) {
  SimulatedEnv env(7);
  make_durable(env, "d/a", "A");
  auto file = std::move(env.open("d/a", OpenMode::kReadWrite)).value();
  auto lock = env.lock("d/LOCK");
  ASSERT_TRUE(lock.is_ok());
  env.set_fault_after(2);
  EXPECT_TRUE(file->write_at(0, as_bytes("B")).is_ok());
  EXPECT_EQ(file->sync().code(), Code::kIo);
  EXPECT_EQ(env.fault(), "sync 'd/a'");
  EXPECT_EQ(file->size().status().code(), Code::kIo);
  EXPECT_EQ(env.info("d/a").status().code(), Code::kIo);
  EXPECT_EQ(env.make_dirs("x").code(), Code::kIo);
  env.power_loss();
  EXPECT_EQ(file->size().status().code(), Code::kIo);
  EXPECT_TRUE(env.info("d/a").is_ok());
  auto again = env.lock("d/LOCK");
  EXPECT_TRUE(again.is_ok());
  lock.value().reset();
  EXPECT_EQ(env.lock("d/LOCK").status().code(), Code::kBusy) << "the dead lock must not release the new one";
}

TEST(SimulatedEnv, a_full_disk_takes_what_fits_and_gives_back_what_is_removed) {
  SimulatedEnv env(1);
  auto file = std::move(env.open("a", OpenMode::kCreateNew)).value();
  env.set_free_bytes(10);
  const auto status = file->write_at(0, as_bytes("0123456789ab"));
  EXPECT_EQ(status.code(), Code::kLimit);
  EXPECT_NE(status.message().find("free some space"), std::string::npos);
  EXPECT_EQ(content(env, "a"), "0123456789");
  EXPECT_TRUE(file->write_at(3, as_bytes("xyz")).is_ok()) << "no growth, no new space";
  EXPECT_EQ(file->truncate(11).code(), Code::kLimit);
  ASSERT_TRUE(env.remove("a").is_ok());
  EXPECT_EQ(env.free_bytes(".").value(), 10U);
}

TEST(SimulatedEnv, a_read_only_folder_refuses_changes_and_allows_reading) {
  SimulatedEnv env(1);
  make_durable(env, "d/a", "A");
  env.set_read_only("d", true);
  EXPECT_EQ(env.open("d/a", OpenMode::kReadWrite).status().code(), Code::kDenied);
  EXPECT_EQ(env.open("d/new", OpenMode::kCreateNew).status().code(), Code::kDenied);
  EXPECT_EQ(env.remove("d/a").code(), Code::kDenied);
  EXPECT_EQ(env.rename("d/a", "b").code(), Code::kDenied);
  EXPECT_EQ(env.make_dirs("d/e").code(), Code::kDenied);
  EXPECT_EQ(content(env, "d/a"), "A");
  EXPECT_TRUE(env.make_dirs("dd").is_ok());
  env.set_read_only("d", false);
  EXPECT_TRUE(env.remove("d/a").is_ok());
}

TEST(SimulatedEnv, the_clock_moves_only_by_hand_and_random_numbers_repeat_with_the_seed) {
  SimulatedEnv env(1);
  SimulatedEnv twin(1);
  const auto wall = env.wall_us();
  env.advance_us(2);
  env.wait_us(3);
  EXPECT_EQ(env.monotonic_us(), 5);
  EXPECT_EQ(env.wall_us(), wall + 5);
  Bytes one(16);
  Bytes two(16);
  env.random(one);
  twin.random(two);
  EXPECT_EQ(one, two);
}

TEST(SimulatedEnv, a_mapping_keeps_its_bytes_when_the_file_changes_or_goes) {
  SimulatedEnv env(1);
  make_durable(env, "d/a", "abc");
  auto file = std::move(env.open("d/a", OpenMode::kReadWrite)).value();
  auto mapping = std::move(file->map()).value();
  ASSERT_TRUE(file->write_at(0, as_bytes("xyz")).is_ok());
  ASSERT_TRUE(file->truncate(0).is_ok());
  ASSERT_TRUE(env.remove("d/a").is_ok());
  EXPECT_EQ(as_text(mapping->bytes()), "abc");
}

// What the real machine and the simulated one must answer alike.
class BothEnvs : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "pictor-XXXXXX").string();
      ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
      folder_ = pattern;
      env_ = &Env::real();
    } else {
      folder_ = "sim";
      ASSERT_TRUE(simulated_.make_dirs(folder_).is_ok());
      env_ = &simulated_;
    }
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(folder_);
  }
  std::string at(std::string_view name) const { return join_path(folder_, name); }

  SimulatedEnv simulated_{3};
  std::string folder_;
  Env* env_ = nullptr;
};

TEST_P(BothEnvs, opening_answers_by_mode) {
  EXPECT_EQ(env_->open(at("a"), OpenMode::kRead).status().code(), Code::kNotFound);
  EXPECT_EQ(env_->open(at("a"), OpenMode::kReadWrite).status().code(), Code::kNotFound);
  EXPECT_TRUE(env_->open(at("a"), OpenMode::kReadWriteCreate).is_ok());
  EXPECT_TRUE(env_->open(at("a"), OpenMode::kReadWriteCreate).is_ok());
  EXPECT_EQ(env_->open(at("a"), OpenMode::kCreateNew).status().code(), Code::kExists);
  EXPECT_EQ(env_->open(at("a/b"), OpenMode::kCreateNew).status().code(), Code::kNotFound);
  EXPECT_EQ(env_->open(folder_, OpenMode::kRead).status().code(), Code::kInvalid);
  EXPECT_EQ(env_->open(folder_, OpenMode::kReadWriteCreate).status().code(), Code::kInvalid);
  EXPECT_EQ(env_->open("", OpenMode::kRead).status().code(), Code::kNotFound);
}

TEST_P(BothEnvs, reading_writing_and_truncating_behave_like_posix) {
  auto file = std::move(env_->open(at("a"), OpenMode::kCreateNew)).value();
  ASSERT_TRUE(file->write_at(4, as_bytes("x")).is_ok());
  EXPECT_EQ(file->size().value(), 5U);
  Bytes out(8, std::byte{9});
  EXPECT_EQ(file->read_at(0, out).value(), 5U);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 5), bytes_of(std::string_view("\0\0\0\0x", 5)));
  EXPECT_EQ(file->read_at(5, out).value(), 0U);
  ASSERT_TRUE(file->truncate(2).is_ok());
  ASSERT_TRUE(file->truncate(3).is_ok());
  EXPECT_EQ(content(*env_, at("a")), std::string(3, '\0'));
  EXPECT_EQ(file->map().value()->bytes().size(), 3U);
  const auto reader = std::move(env_->open(at("a"), OpenMode::kRead)).value();
  EXPECT_EQ(reader->write_at(0, as_bytes("x")).code(), Code::kIo);
}

TEST_P(BothEnvs, names_behave_like_posix) {
  ASSERT_TRUE(env_->make_dirs(at("d/e")).is_ok());
  ASSERT_TRUE(env_->make_dirs(at("d/e")).is_ok());
  ASSERT_TRUE(write_file_atomic(*env_, at("d/b"), as_bytes("B")).is_ok());
  ASSERT_TRUE(write_file_atomic(*env_, at("d/a"), as_bytes("A")).is_ok());
  std::string names;
  const auto entries = env_->list(at("d")).value();
  for (const auto& entry : entries) names += entry.name + (entry.kind == FileKind::kFile ? "." : "/");
  EXPECT_EQ(names, "a.b.e/");
  EXPECT_EQ(env_->remove(at("d")).code(), Code::kIo);
  EXPECT_EQ(env_->remove(at("none")).code(), Code::kNotFound);
  EXPECT_EQ(env_->list(at("none")).status().code(), Code::kNotFound);
  EXPECT_EQ(env_->sync_dir(at("none")).code(), Code::kNotFound);
  EXPECT_EQ(env_->info(at("d/a/x")).status().code(), Code::kNotFound);
  EXPECT_EQ(env_->rename(at("none"), at("x")).code(), Code::kNotFound);
  EXPECT_EQ(env_->rename(at("d"), at("d/e/f")).code(), Code::kInvalid);
  EXPECT_EQ(env_->make_dirs(at("d/a")).code(), Code::kExists);
  auto open = std::move(env_->open(at("d/a"), OpenMode::kRead)).value();
  ASSERT_TRUE(env_->rename(at("d/b"), at("d/a")).is_ok());
  EXPECT_EQ(content(*env_, at("d/a")), "B");
  EXPECT_EQ(open->size().value(), 1U) << "a replaced file lives on for those who have it open";
  ASSERT_TRUE(env_->rename(at("d/a"), at("d/a")).is_ok());
  ASSERT_TRUE(env_->remove(at("d/a")).is_ok());
  ASSERT_TRUE(env_->remove(at("d/e")).is_ok());
  ASSERT_TRUE(env_->remove(at("d")).is_ok());
  EXPECT_FALSE(exists(*env_, at("d")));
}

INSTANTIATE_TEST_SUITE_P(Env, BothEnvs, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "real" : "simulated"; });

}  // namespace
}  // namespace pictor
