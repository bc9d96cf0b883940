#include "file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>

namespace postern::queue {
namespace {

namespace fs = std::filesystem;

bool coin(Random& random) { return below(2, random) == 0; }

void put_garbage(std::string& bytes, std::size_t begin, std::size_t end, Random& random) {
  for (std::size_t at = begin; at < end; ++at) bytes[at] = static_cast<char>(below(256, random));
}

void put(std::string& bytes, std::uint64_t offset, std::string_view written) {
  if (bytes.size() < offset + written.size()) bytes.resize(offset + written.size());
  std::copy(written.begin(), written.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

void collect(const FileSystem::Tree& tree, InodeId directory, const std::string& path, Image& image,
             const std::function<Bytes(InodeId)>& content) {
  for (const auto& [name, inode] : tree.at(directory)) {
    if (!tree.contains(inode)) {
      image.files[path + name] = content(inode);
      continue;
    }
    image.directories.insert(path + name);
    collect(tree, inode, path + name + "/", image, content);
  }
}

std::string parent_of(const std::string& path) {
  return path.substr(0, std::min(path.size(), path.rfind('/')));
}

}  // namespace

std::size_t below(std::size_t limit, Random& random) { return (random() >> 4) % limit; }

std::string text_of(const Operation& operation) {
  constexpr std::array<std::string_view, 8> kinds{"make-directory", "create", "rename",   "remove",
                                                  "sync-names",     "write",  "truncate", "sync"};
  return fmt::format("{}{} {}/{} {} inode {} at {} bytes {}",
                     kinds.at(static_cast<std::size_t>(operation.kind)),
                     operation.has_failed ? " FAILED" : "", operation.directory, operation.name,
                     operation.to, static_cast<int>(operation.inode), operation.offset,
                     operation.bytes ? operation.bytes->size() : 0);
}

PowerCut power_cut(unsigned n) {
  using enum DataLeft;
  constexpr std::array<PowerCut, 12> cuts{{
      {NamesLeft::none, none},
      {NamesLeft::some, sectors},
      {NamesLeft::all, all},
      {NamesLeft::some, pages},
      {NamesLeft::all, none},
      {NamesLeft::some, whole_writes},
      {NamesLeft::all, up_to_a_point},
      {NamesLeft::all, sectors, true},
      {NamesLeft::some, pages, true},
      {NamesLeft::some, all},
      {NamesLeft::some, none},
      {NamesLeft::some, up_to_a_point},
  }};
  return cuts.at(n % cuts.size());
}

std::string text_of(const PowerCut& cut) {
  constexpr std::array<std::string_view, 3> names{"no", "all", "some"};
  constexpr std::array<std::string_view, 6> data{"none",         "all",     "up to a point",
                                                 "whole writes", "sectors", "pages"};
  return fmt::format("{} names, data: {}{}", names.at(static_cast<std::size_t>(cut.names)),
                     data.at(static_cast<std::size_t>(cut.data)),
                     cut.has_garbage ? ", garbage" : "");
}

std::size_t Image::hash() const {
  std::size_t hash = files.size();
  const auto add = [&hash](std::string_view text) {
    hash = hash * 1099511628211U + std::hash<std::string_view>()(text);
  };
  for (const auto& [name, bytes] : files) add(name), add(*bytes);
  for (const std::string& name : directories) add(name);
  return hash;
}

void Image::write_to(const fs::path& directory) const {
  for (const auto& entry : fs::directory_iterator(directory)) fs::remove_all(entry);
  for (const std::string& name : directories) fs::create_directory(directory / name);
  for (const auto& [name, bytes] : files) {
    std::ofstream(directory / name, std::ios::binary)
        .write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  }
}

FileSystem::FileSystem(NameModel model, const Image& safe) : model_(model), tree_{{root, {}}} {
  std::map<std::string, InodeId> directories{{"", root}};
  const auto add = [&](const std::string& path) {
    const std::string parent = path.find('/') == std::string::npos ? "" : parent_of(path);
    const std::string name = parent.empty() ? path : path.substr(parent.size() + 1);
    tree_[directories.at(parent)][name] = next_inode_;
    return next_inode_++;
  };
  for (const std::string& path : safe.directories) {
    const InodeId inode = add(path);
    tree_[inode];
    directories[path] = inode;
  }
  for (const auto& [path, bytes] : safe.files) {
    Inode& inode = inodes_[add(path)];
    inode.disk = inode.cache = bytes;
  }
  disk_tree_ = tree_;
}

void FileSystem::apply(const Operation& operation, const PowerCut& cut, Random& random) {
  using enum Operation::Kind;
  switch (operation.kind) {
    case make_directory:
      tree_[operation.inode];
      disk_tree_[operation.inode];
      [[fallthrough]];
    case create:
      if (operation.kind == create) inodes_[operation.inode];
      next_inode_ = std::max(next_inode_, operation.inode + 1);
      return change({{operation.directory, operation.name, operation.inode}});
    case rename:
      return change({{operation.directory, operation.name, no_inode},
                     {operation.there, operation.to, operation.inode}});
    case remove:
      return change({{operation.directory, operation.name, no_inode}});
    case sync_names:
      return this->sync_names(operation, cut, random);
    case write:
    case truncate:
      return add_write(operation);
    case sync:
      return this->sync(operation, cut, random);
  }
}

namespace {

void apply_changes(FileSystem::Tree& tree, const auto& changes) {
  for (const auto& change : changes) {
    if (change.inode == no_inode) {
      tree[change.directory].erase(change.name);
    } else {
      tree[change.directory][change.name] = change.inode;
    }
  }
}

}  // namespace

void FileSystem::change(NameChanges changes) {
  apply_changes(tree_, changes);
  pending_.push_back(std::move(changes));
}

void FileSystem::add_write(const Operation& operation) {
  Inode& inode = inodes_[operation.inode];
  std::string cache = *inode.cache;
  if (operation.bytes) {
    put(cache, operation.offset, *operation.bytes);
  } else {
    cache.resize(operation.offset);
  }
  inode.cache = std::make_shared<const std::string>(std::move(cache));
  inode.pending.push_back({operation.offset, operation.bytes});
}

bool FileSystem::is_pending(InodeId inode) const {
  return std::ranges::any_of(pending_, [inode](const NameChanges& changes) {
    return std::ranges::any_of(changes, [inode](const auto& one) { return one.inode == inode; });
  });
}

void FileSystem::sync(const Operation& operation, const PowerCut& cut, Random& random) {
  Inode& inode = inodes_[operation.inode];
  if (operation.has_failed) {
    inode.disk = inode.after(cut, random);
    inode.pending.clear();
    return;
  }
  const Bytes now = inode.after({NamesLeft::all, DataLeft::all}, random);
  const bool commits_names = inode.disk->size() != now->size() || is_pending(operation.inode);
  inode.disk = now;
  inode.pending.clear();
  if (model_ == NameModel::strict || !commits_names) return;
  disk_tree_ = tree_;
  pending_.clear();
}

void FileSystem::sync_names(const Operation& operation, const PowerCut& cut, Random& random) {
  // A journal whose commit failed has not let go of what it holds.
  if (operation.has_failed && model_ == NameModel::journaled) return;
  std::vector<NameChanges> rest;
  for (NameChanges& changes : pending_) {
    const bool is_meant = std::ranges::any_of(changes, [&operation](const NameChange& one) {
      return one.directory == operation.directory;
    });
    if (!is_meant && model_ == NameModel::strict) {
      rest.push_back(std::move(changes));
    } else if (!operation.has_failed || cut.names == NamesLeft::all ||
               (cut.names == NamesLeft::some && coin(random))) {
      apply_changes(disk_tree_, changes);
    }
  }
  pending_ = std::move(rest);
}

FileSystem::Tree FileSystem::tree_after(const PowerCut& cut, Random& random) const {
  Tree tree = disk_tree_;
  std::size_t count = cut.names == NamesLeft::none ? 0 : pending_.size();
  const bool is_some = cut.names == NamesLeft::some;
  if (is_some && model_ == NameModel::journaled) count = below(pending_.size() + 1, random);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_some && model_ == NameModel::strict && coin(random)) continue;
    apply_changes(tree, pending_[i]);
  }
  return tree;
}

Image FileSystem::after(const PowerCut& cut, Random& random) const {
  Image image;
  collect(tree_after(cut, random), root, "", image,
          [&](InodeId inode) { return inodes_.at(inode).after(cut, random); });
  return image;
}

Image FileSystem::view() const {
  Image image;
  collect(tree_, root, "", image, [this](InodeId inode) { return inodes_.at(inode).cache; });
  return image;
}

Bytes FileSystem::Inode::after(const PowerCut& cut, Random& random) const {
  if (pending.empty() || cut.data == DataLeft::none) return disk;
  if (cut.data == DataLeft::sectors || cut.data == DataLeft::pages) {
    const std::size_t unit = cut.data == DataLeft::sectors ? 512 : 4096;
    return std::make_shared<const std::string>(torn(unit, cut.has_garbage, random));
  }
  std::size_t count = pending.size();
  const bool is_cut = cut.data == DataLeft::up_to_a_point;
  if (is_cut) count = below(pending.size(), random);
  std::string bytes = *disk;
  for (std::size_t i = 0; i < count + (is_cut ? 1 : 0); ++i) {
    if (cut.data == DataLeft::whole_writes && coin(random)) continue;
    if (!pending[i].bytes) {
      bytes.resize(pending[i].offset);
      continue;
    }
    const std::string_view written = *pending[i].bytes;
    const std::size_t old_size = bytes.size();
    if (i == count) {
      put(bytes, pending[i].offset, written.substr(0, below(written.size() + 1, random)));
    } else {
      put(bytes, pending[i].offset, written);
    }
    if (cut.has_garbage) put_garbage(bytes, old_size, pending[i].offset, random);
  }
  return std::make_shared<const std::string>(std::move(bytes));
}

// Each unit as it was at any moment since the last sync; the length too.
std::string FileSystem::Inode::torn(std::size_t unit, bool has_garbage, Random& random) const {
  std::vector<std::string> versions{*disk};
  for (const Write& write : pending) {
    versions.push_back(versions.back());
    if (write.bytes) {
      put(versions.back(), write.offset, *write.bytes);
    } else {
      versions.back().resize(write.offset);
    }
  }
  std::string bytes(versions[below(versions.size(), random)].size(), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += unit) {
    const std::string& version = versions[below(versions.size(), random)];
    const std::size_t end = std::min(bytes.size(), at + unit);
    const std::size_t have = std::clamp(version.size(), at, end);
    std::copy(version.begin() + static_cast<std::ptrdiff_t>(std::min(at, version.size())),
              version.begin() + static_cast<std::ptrdiff_t>(std::min(have, version.size())),
              bytes.begin() + static_cast<std::ptrdiff_t>(at));
    if (has_garbage) put_garbage(bytes, have, end, random);
  }
  return bytes;
}

}  // namespace postern::queue
