// Which messages, and which of their recipients, a command of `postern queue` concerns: by their ids, or by what is said about
// them, or all.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "net/frames.h"

namespace postern::cli {

struct Choice {
  std::vector<std::string> ids;
  std::optional<std::string> sender, recipient, domain, login, older_than, newer_than;
  std::optional<frames::RecipientState> state;
  bool all = false;

  [[nodiscard]] bool is_filter() const;
  /// Nothing was said: neither ids, nor a filter, nor --all.
  [[nodiscard]] bool is_empty() const { return ids.empty() && !all && !is_filter(); }
};

/// Gives the command the options of a filter, and what else it can be told: ID..., --all.
[[nodiscard]] std::shared_ptr<Choice> add_filter(CLI::App& command);
void add_ids(CLI::App& command, const std::shared_ptr<Choice>& choice);
void add_all(CLI::App& command, const std::shared_ptr<Choice>& choice);

/// Throws Failure (EX_USAGE) where a value is none. An empty value is none: `--domain "$UNSET"` must not mean every domain.
[[nodiscard]] frames::QueueFilter filter_of(const Choice& choice);

/// Throws Failure (EX_USAGE) where it is none.
[[nodiscard]] mail::MessageId parse_id(const std::string& text);

}  // namespace postern::cli
