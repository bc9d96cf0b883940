// A file system as a value: what lies on its disk for good, what a living kernel shows, and what a power cut may leave.
//
// Data: what was written to a file is safe once a sync of that file has succeeded. Until then each sector of it is as it was
// at any moment since the last sync, and so is the file's length. After a failed sync the kernel takes what it could not
// write for written: some of it is on the disk and the rest is lost, whatever a later sync says.
//
// Names: in the strict model, which is all that POSIX promises, each created, renamed or removed name that no sync of its
// directory followed is there or not, each by itself. In the journaled model (ext4 as it is delivered) names are lost only
// from the end of their order on, and the sync of a file that is new or has grown makes all names before it safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace postern::queue {

using Random = std::minstd_rand;
/// A number from 0 up to, but not including, `limit`.
[[nodiscard]] std::size_t below(std::size_t limit, Random& random);

using Bytes = std::shared_ptr<const std::string>;
using InodeId = std::uint32_t;  // of a file or a directory
inline constexpr InodeId root = 0;
inline constexpr InodeId no_inode = UINT32_MAX;

/// One thing that was done to a disk.
struct Operation {
  enum class Kind { make_directory, create, rename, remove, sync_names, write, truncate, sync };
  Kind kind = Kind::write;
  InodeId directory = root;  // whose names are meant
  std::string name = {};
  InodeId there = root;  // of a rename: the new directory and name
  std::string to = {};
  InodeId inode = no_inode;  // the file or directory itself
  std::uint64_t offset = 0;  // of a write; of a truncation: the size afterwards
  Bytes bytes = nullptr;     // of a write: what reached the kernel
  bool has_failed = false;   // of a sync: an error was answered
};
[[nodiscard]] std::string text_of(const Operation& operation);
using History = std::vector<Operation>;

enum class NameModel { strict, journaled };
enum class NamesLeft { none, all, some };
/// `up_to_a_point`: the writes in their order, the last one cut anywhere; `whole_writes`: any of them; `sectors`, `pages`:
/// every 512 or 4096 bytes for themselves.
enum class DataLeft { none, all, up_to_a_point, whole_writes, sectors, pages };

/// What a power cut leaves of that which was not synced.
struct PowerCut {
  NamesLeft names = NamesLeft::none;
  DataLeft data = DataLeft::none;
  bool has_garbage =
      false;  // what lies within a file's length and was never written: random bytes, else zeros
};
/// The n-th kind of power cut; the first ones are the plainest.
[[nodiscard]] PowerCut power_cut(unsigned n);
[[nodiscard]] std::string text_of(const PowerCut& cut);

/// A directory with all that is in it, by path.
struct Image {
  std::map<std::string, Bytes> files;
  std::set<std::string> directories;

  [[nodiscard]] std::size_t hash() const;
  /// In place of all that is in `directory`.
  void write_to(const std::filesystem::path& directory) const;
};

class FileSystem {
 public:
  /// Empty; or with all of `safe` on the disk, its inodes numbered in the order of `safe`, directories first.
  explicit FileSystem(NameModel model, const Image& safe = {});

  /// `cut` and `random` say what is lost where a sync has failed.
  void apply(const Operation& operation, const PowerCut& cut, Random& random);

  [[nodiscard]] Image after(const PowerCut& cut, Random& random) const;
  /// What the next process finds when only this one was killed.
  [[nodiscard]] Image view() const;

  using Names = std::map<std::string, InodeId>;
  using Tree = std::map<InodeId, Names>;  // by directory
  const Tree& tree() const { return tree_; }
  InodeId next_inode() const { return next_inode_; }

 private:
  struct Write {
    std::uint64_t offset = 0;  // or the new size
    Bytes bytes;               // none: a truncation
  };
  struct Inode {
    Bytes disk = std::make_shared<const std::string>();
    Bytes cache = disk;
    std::vector<Write> pending;

    [[nodiscard]] Bytes after(const PowerCut& cut, Random& random) const;
    [[nodiscard]] std::string torn(std::size_t unit, bool has_garbage, Random& random) const;
  };
  struct NameChange {
    InodeId directory = root;
    std::string name;
    InodeId inode = no_inode;  // none: the name goes
  };
  using NameChanges = std::vector<NameChange>;  // all of them, or none

  void change(NameChanges changes);
  void add_write(const Operation& operation);
  void sync(const Operation& operation, const PowerCut& cut, Random& random);
  void sync_names(const Operation& operation, const PowerCut& cut, Random& random);
  [[nodiscard]] bool is_pending(InodeId inode) const;
  [[nodiscard]] Tree tree_after(const PowerCut& cut, Random& random) const;

  NameModel model_;
  Tree tree_;       // as the kernel shows it
  Tree disk_tree_;  // as it is safe
  std::vector<NameChanges> pending_;
  std::map<InodeId, Inode> inodes_;
  InodeId next_inode_ = root + 1;
};

}  // namespace postern::queue
