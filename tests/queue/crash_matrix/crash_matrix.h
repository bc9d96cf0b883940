// Plays scenarios on a real store over a simulated disk, lets the power fail after every operation of that disk, in each
// model of what is left, and looks with a new store whether all promises are kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "file_system.h"
#include "promises.h"
#include "scenarios.h"
#include "simulated_disk.h"

namespace postern::queue {

/// Makes the disk that a store is given: the simulated one, or one that does not do what it is told.
using DiskMaker =
    std::function<std::unique_ptr<Disk>(const std::filesystem::path&, std::shared_ptr<Recorder>)>;
[[nodiscard]] std::unique_ptr<Disk> simulated_disk(const std::filesystem::path& path,
                                                   std::shared_ptr<Recorder> recorder);

/// A scenario that was played once: every crash of it can be had from this.
struct Played {
  const Scenario* scenario = nullptr;
  History history;
  Promises promises;
  bool has_failed = false;  // the fault came about
};

/// What was looked at, and what was wrong.
struct Tally {
  std::size_t crashes = 0;  // moments and ways in which the power failed
  std::size_t states =
      0;  // of these, different in what was left or in what was promised: each was looked at
  std::size_t bad = 0;              // states in which a promise is broken
  std::vector<std::string> broken;  // the first few, in words

  Tally& operator+=(const Tally& other);
};

class CrashMatrix {
 public:
  /// How long it takes: so many ways of a power cut at each moment, of which `seed` is the first.
  struct Effort {
    unsigned cuts = 5;
    unsigned seed = 1;
    std::size_t restarts =
        5;                 // crashes after which the restart is played and crashed as well; 0: none
    bool is_long = false;  // every fault, every restart, whatever it takes
  };
  /// From the environment: MATRIX_SEEDS, MATRIX_SEED, MATRIX_LONG.
  [[nodiscard]] static Effort effort();

  explicit CrashMatrix(Effort effort);
  ~CrashMatrix();

  [[nodiscard]] Played play(const Scenario& scenario, const FaultPlan& faults = {},
                            const DiskMaker& make = simulated_disk);

  /// The power fails after every operation.
  [[nodiscard]] Tally crash_everywhere(const Played& played, NameModel model);
  /// The power fails at the end, and at some moments before.
  [[nodiscard]] Tally crash_at_times(const Played& played, NameModel model, std::size_t moments);
  /// It fails, or all processes are killed, at some moments; and the power fails again after every operation of the
  /// start and of what follows.
  [[nodiscard]] Tally crash_restarts(const Played& played, NameModel model);
  /// At the end of it all, with everything on the disk, a byte is changed, `times` times another one.
  [[nodiscard]] Tally change_bytes(const Played& played, std::size_t times);
  /// Every call that reads fails once, at a start at the end of it all: the start after it finds everything.
  [[nodiscard]] Tally fail_reads(const Played& played);

 private:
  struct Base;
  struct Workplace;
  void crash_all_along(const Base& base, Tally& tally, unsigned cuts);
  void crash(const FileSystem& left, std::size_t at, const Base& base, const PowerCut& cut,
             Tally& tally);
  void restart(const Played& played, NameModel model, std::size_t at, bool is_power_cut,
               Tally& tally);

  Effort effort_;
  std::unique_ptr<Workplace> workplace_;
};

}  // namespace postern::queue
