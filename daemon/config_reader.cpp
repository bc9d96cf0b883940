#include "daemon/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daemon/nearest.h"
#include "daemon/quantity.h"

namespace postern::daemon {
namespace {

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

std::string_view type_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text in quotes";
    case toml::node_type::integer:
      return "a bare number";
    case toml::node_type::floating_point:
      return "a decimal number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string joined(const std::vector<std::string>& words, std::string_view last_joint) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last_joint : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t max_shown = 100;
  std::string shown(text.substr(0, max_shown));
  std::ranges::replace_if(shown, is_control, '?');
  return fmt::format("\"{}{}\"", shown, text.size() > max_shown ? "..." : "");
}

// ── one value ────────────────────────────────────────────────────────────────────────────────────────────────────────

const toml::node* Section::find(std::string_view key) {
  reader_->known_[name_].emplace(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::string Section::checked_text(std::string_view key, const toml::node& node) {
  const std::string& text = node.as_string()->get();
  const Item item{text, position_of(node.source())};
  if (text.empty()) {
    error(key, item, "is empty", "give it a value, or leave the key out");
  } else if (text.size() > max_text) {
    error(key, item, fmt::format("is longer than {} bytes", max_text), "shorten it");
  } else if (std::ranges::any_of(text, is_control)) {
    error(key, item, in_quotes(text) + " has a control character in it", "write it on one line");
  } else {
    return text;
  }
  return {};
}

std::string Section::text(std::string_view key, std::string fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is_string()) {
    refuse_type(key, *node, fmt::format("write it in quotes: {} = \"...\"", key));
    return fallback;
  }
  std::string value = checked_text(key, *node);
  return value.empty() ? fallback : value;
}

bool Section::flag(std::string_view key, bool fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (node->is_boolean()) return node->as_boolean()->get();
  refuse_type(key, *node, "write true or false, without quotes");
  return fallback;
}

std::uint32_t Section::number(std::string_view key, std::uint32_t fallback, std::uint32_t least,
                              std::uint32_t most) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is_integer()) {
    refuse_type(key, *node, "write a whole number, without quotes");
    return fallback;
  }
  const std::int64_t value = node->as_integer()->get();
  if (value < least || value > most) {
    error(key, fmt::format("{} is out of range", value),
          fmt::format("choose from {} to {}", least, most));
    return fallback;
  }
  return static_cast<std::uint32_t>(value);
}

std::chrono::seconds Section::duration(std::string_view key, std::chrono::seconds fallback) {
  constexpr std::string_view remedy = "write a number with its unit (s, m, h, d), such as \"5m\"";
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is_string()) {
    refuse_type(key, *node, std::string(remedy));
    return fallback;
  }
  const std::string value = checked_text(key, *node);
  if (value.empty()) return fallback;
  const mail::Parsed<std::chrono::seconds> duration = parse_duration(value);
  if (duration) return *duration;
  error(key, fmt::format("{} {}", in_quotes(value), duration.error().reason), std::string(remedy));
  return fallback;
}

std::uint64_t Section::size(std::string_view key, std::uint64_t fallback, std::uint64_t least,
                            std::uint64_t most) {
  constexpr std::string_view remedy =
      "write a number with its unit (B, KiB, MiB, GiB), such as \"50MiB\"";
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is_string()) {
    refuse_type(key, *node, std::string(remedy));
    return fallback;
  }
  const std::string value = checked_text(key, *node);
  if (value.empty()) return fallback;
  const mail::Parsed<std::uint64_t> size = parse_size(value);
  if (!size) {
    error(key, fmt::format("{} {}", in_quotes(value), size.error().reason), std::string(remedy));
  } else if (*size < least || *size > most) {
    error(key, in_quotes(value) + " is out of range",
          fmt::format("choose from {} to {}", words_of_size(least), words_of_size(most)));
  } else {
    return *size;
  }
  return fallback;
}

std::vector<Item> Section::list(std::string_view key, Empty empty) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  const std::string remedy = fmt::format("write a list of texts: {} = [\"...\", \"...\"]", key);
  if (node->is_string()) {
    std::string text = checked_text(key, *node);
    if (text.empty()) return {};
    return {Item{std::move(text), position_of(node->source())}};
  }
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    refuse_type(key, *node, remedy);
    return {};
  }
  if (array->empty() && empty == Empty::refused) {
    error(key, "is an empty list", "name something in it, or leave the key out");
  }
  if (array->size() > max_list) {
    error(key, fmt::format("has more than {} values", max_list), "shorten the list");
    return {};
  }
  std::vector<Item> items;
  for (const toml::node& element : *array) {
    if (!element.is_string()) {
      refuse_type(key, element, remedy);
      continue;
    }
    std::string text = checked_text(key, element);
    if (!text.empty()) items.push_back({std::move(text), position_of(element.source())});
  }
  return items;
}

void Section::not_yet(std::string_view key, std::string remedy) {
  if (find(key) != nullptr) error(key, "is not in this version yet", std::move(remedy));
}

// ── where things stand ───────────────────────────────────────────────────────────────────────────────────────────────

bool Section::has(std::string_view key) const { return table_ != nullptr && table_->contains(key); }

Position Section::at(std::string_view key) const {
  if (table_ == nullptr) return {};
  const toml::node* node = table_->get(key);
  return position_of(node != nullptr ? node->source() : table_->source());
}

std::string Section::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

void Section::error(std::string_view key, std::string what, std::string remedy) {
  reader_->findings_.error(at(key), full_name(key), std::move(what), std::move(remedy));
}

void Section::error(std::string_view key, const Item& item, std::string what, std::string remedy) {
  reader_->findings_.error(item.at, full_name(key), std::move(what), std::move(remedy));
}

void Section::warn(std::string_view key, std::string what, std::string remedy) {
  reader_->findings_.warn(at(key), full_name(key), std::move(what), std::move(remedy));
}

void Section::refuse_type(std::string_view key, const toml::node& node, std::string remedy) {
  const Item item{"", position_of(node.source())};
  error(key, item, fmt::format("cannot be {}", type_of(node)), std::move(remedy));
}

void Section::refuse_choice(std::string_view key, const std::string& word,
                            const std::vector<std::string>& names) {
  std::vector<std::string> choices;
  for (const std::string& name : names) choices.push_back(in_quotes(name));
  const std::optional<std::string> meant = nearest(word, names);
  error(key, in_quotes(word) + " is not known here",
        fmt::format("{}choose {}", meant ? fmt::format("did you mean {}? ", in_quotes(*meant)) : "",
                    joined(choices, " or ")));
}

// ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ConfigReader::ConfigReader(std::string_view text, Findings& findings) : findings_(findings) {
  try {
    document_ = toml::parse(text);
  } catch (const toml::parse_error& error) {
    is_readable_ = false;
    findings_.error(position_of(error.source()), "", std::string(error.description()),
                    "correct the syntax (https://toml.io); nothing behind it was read");
  }
}

Section ConfigReader::visit(const std::string& name, const toml::table* table) {
  if (table != nullptr) visited_.push_back({name, table});
  return Section(*this, name, table);
}

Section ConfigReader::top() { return visit("", &document_); }

Section ConfigReader::section(const std::string& name) {
  known_[""].insert(name);
  const toml::node* node = document_.get(name);
  if (node == nullptr) return visit(name, nullptr);
  if (!node->is_table()) {
    findings_.error(position_of(node->source()), name, fmt::format("cannot be {}", type_of(*node)),
                    fmt::format("make it a section: [{}]", name));
  }
  return visit(name, node->as_table());
}

std::vector<Section> ConfigReader::sections(const std::string& name) {
  known_[""].insert(name);
  const toml::node* node = document_.get(name);
  if (node == nullptr) return {};
  const toml::array* array = node->as_array();
  const bool are_tables = array != nullptr && array->is_homogeneous<toml::table>();
  if (!are_tables || array->size() > max_list) {
    findings_.error(position_of(node->source()), name,
                    are_tables ? fmt::format("is there more than {} times", max_list)
                               : fmt::format("cannot be {}", type_of(*node)),
                    fmt::format("begin each with a line [[{}]], in double brackets", name));
    return {};
  }
  std::vector<Section> sections;
  for (const toml::node& element : *array) sections.push_back(visit(name, element.as_table()));
  return sections;
}

void ConfigReader::report_unknown() {
  for (const Visited& visited : visited_) {
    const std::set<std::string>& known = known_[visited.section];
    for (const auto& [key, node] : *visited.table) {
      if (known.contains(std::string(key.str()))) continue;
      const bool is_section =
          visited.section.empty() && (node.is_table() || node.is_array_of_tables());
      const std::string shown(in_quotes(key.str()));
      const std::string name = shown.substr(1, shown.size() - 2);
      findings_.error(position_of(key.source()),
                      visited.section.empty() ? name : visited.section + "." + name,
                      is_section ? "there is no such section" : "there is no such key",
                      remedy_for(visited.section, key.str()));
    }
  }
}

std::string ConfigReader::remedy_for(const std::string& section, std::string_view key) const {
  const std::set<std::string>& known = known_.at(section);
  const std::vector<std::string> names(known.begin(), known.end());
  if (const auto meant = nearest(key, names)) return fmt::format("did you mean {}?", *meant);
  for (const auto& [other, keys] : known_) {
    if (!keys.contains(std::string(key))) continue;
    if (other.empty()) return "it belongs above the first [section]";
    return fmt::format("it belongs to [{}]", other);
  }
  return fmt::format("known are {}", joined(names, " and "));
}

}  // namespace postern::daemon
