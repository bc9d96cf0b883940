// What becomes at the start of that which recovery finds in the spool and which is not as Postern wrote it: it is set aside
// in `damaged/`, and said in the log. Damaged bytes are copied there under the name of their segment and their place in
// it, files that are none of ours are moved. What is there under the same name is replaced: `damaged/` does not grow
// when the same damage is found at every start.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "queue/disk.h"
#include "queue/recovery.h"

namespace postern::queue {

/// Findings of one start that get a line of their own in the log; of more it is said how many.
inline constexpr std::size_t max_told = 20;

class Quarantine {
 public:
  explicit Quarantine(Disk& spool) : spool_(spool) {}

  /// Sets aside what was found, and tells of it. False: there is more to it than could be set aside, so its segment must
  /// stay.
  bool take(const Finding& finding, std::string_view bytes);

  /// The log has damage that no start before this one has found: records may be lost.
  bool has_new_damage() const { return has_new_damage_; }

  /// Makes durable what was moved, and tells how much was not told. To be called at the end.
  void finish();

 private:
  bool copy(const Finding& finding, std::string_view bytes);
  bool move(const Finding& finding);
  [[nodiscard]] net::Result<> open();
  bool knows(const std::string& name) const;
  /// Whether there is still a line for one more.
  bool may_tell() { return ++found_ <= max_told; }

  Disk& spool_;
  std::unique_ptr<Disk> damaged_;    // opened when first needed
  std::vector<std::string> before_;  // what lay in it then, sorted
  std::size_t found_ = 0;
  bool has_new_damage_ = false;
  bool has_moved_ = false;
};

}  // namespace postern::queue
