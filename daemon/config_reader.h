// The tables of the configuration file, read key by key. A getter gives the value of its key, or `fallback` where the key is
// missing or wrong; what is wrong becomes a finding. The keys that were asked for are the keys that exist: when all has been
// read, `report_unknown` knows which of the file's keys nobody asked for.
#pragma once

#include <toml++/toml.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/findings.h"

namespace postern::daemon {

inline constexpr std::size_t max_text = 4096;  // octets of one value
inline constexpr std::size_t max_list = 1000;  // values of one list, tables of one kind

/// A text out of a list, and where it stands.
struct Item {
  std::string text;
  Position at;
};

/// The words that a key may have, and what each means.
template <class T, std::size_t n>
using Choices = std::array<std::pair<std::string_view, T>, n>;

class ConfigReader;

/// One table of the file: `[tls]`, or one of the `[[route]]`s. Where the file has none, all its keys are missing.
class Section {
 public:
  [[nodiscard]] std::string text(std::string_view key, std::string fallback);
  [[nodiscard]] bool flag(std::string_view key, bool fallback);
  [[nodiscard]] std::uint32_t number(std::string_view key, std::uint32_t fallback,
                                     std::uint32_t least, std::uint32_t most);
  [[nodiscard]] std::chrono::seconds duration(std::string_view key, std::chrono::seconds fallback);
  [[nodiscard]] std::uint64_t size(std::string_view key, std::uint64_t fallback,
                                   std::uint64_t least, std::uint64_t most);
  /// A list of texts, or one text. Where an empty list would say nothing that leaving out the key does not, it is an error.
  enum class Empty : std::uint8_t { refused, allowed };
  [[nodiscard]] std::vector<Item> list(std::string_view key, Empty empty = Empty::refused);

  template <class T, std::size_t n>
  [[nodiscard]] T choice(std::string_view key, T fallback, const Choices<T, n>& choices) {
    const std::string word = text(key, "");
    if (word.empty()) return fallback;
    for (const auto& [name, value] : choices) {
      if (word == name) return value;
    }
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) names.emplace_back(name);
    refuse_choice(key, word, names);
    return fallback;
  }

  /// A key of the design that this version does not have: setting it would do nothing, so it must not look as if it did.
  void not_yet(std::string_view key, std::string remedy);

  [[nodiscard]] bool has(std::string_view key) const;
  /// Of the key's value; where it is missing, of the section.
  [[nodiscard]] Position at(std::string_view key) const;
  /// `tls.certificate`
  [[nodiscard]] std::string full_name(std::string_view key) const;

  void error(std::string_view key, std::string what, std::string remedy);
  void error(std::string_view key, const Item& item, std::string what, std::string remedy);
  void warn(std::string_view key, std::string what, std::string remedy);

 private:
  friend class ConfigReader;
  Section(ConfigReader& reader, std::string name, const toml::table* table)
      : reader_(&reader), name_(std::move(name)), table_(table) {}

  const toml::node* find(std::string_view key);
  void refuse_type(std::string_view key, const toml::node& node, std::string remedy);
  void refuse_choice(std::string_view key, const std::string& word,
                     const std::vector<std::string>& names);
  std::string checked_text(std::string_view key, const toml::node& node);

  ConfigReader* reader_;
  std::string name_;
  const toml::table* table_;
};

/// The whole file. Sections refer to it and must not outlive it.
class ConfigReader {
 public:
  ConfigReader(std::string_view text, Findings& findings);
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  [[nodiscard]] Section top();                             // the keys above all sections
  [[nodiscard]] Section section(const std::string& name);  // `[name]`
  [[nodiscard]] std::vector<Section> sections(const std::string& name);  // each `[[name]]`

  /// False: the syntax is wrong, which is a finding, and there is nothing to ask for.
  bool is_readable() const { return is_readable_; }

  /// To be called when everything has been asked for.
  void report_unknown();

  Findings& findings() { return findings_; }

 private:
  friend class Section;
  struct Visited {
    std::string section;
    const toml::table* table;
  };

  Section visit(const std::string& name, const toml::table* table);
  std::string remedy_for(const std::string& section, std::string_view key) const;

  Findings& findings_;
  bool is_readable_ = true;
  toml::table document_;
  std::map<std::string, std::set<std::string>> known_;  // the keys of each section; "": the top
  std::vector<Visited> visited_;
};

/// A text from the file as it may stand in a message: in quotes, shortened, without control characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace postern::daemon
