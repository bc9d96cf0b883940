#include "auth/user_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/base64.h"

namespace postern::auth {

UserTable UserTable::parse(std::string_view text, std::string_view spare_key) {
  UserTable table;
  table.decoy_key_ = spare_key;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    table.add_line(number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  table.decoy_iterations_ = table.commonest_iterations();
  return table;
}

void UserTable::add_line(std::size_t number, std::string_view line) {
  if (line.starts_with(decoys_prefix)) {
    const auto key = net::from_base64(line.substr(decoys_prefix.size()));
    if (key && key->size() == 32) decoy_key_ = *key;
  } else if (line.size() > max_user_line) {
    problems_.push_back({number, fmt::format("the line is over {} bytes", max_user_line)});
  } else if (!line.empty() && line.front() != '#') {
    if (auto user = User::parse(line)) {
      add_user(number, std::move(*user));
    } else {
      problems_.push_back({number, user.error().reason});
    }
  }
}

void UserTable::add_user(std::size_t number, User user) {
  if (users_.size() == max_users) {
    problems_.push_back({number, fmt::format("there are more than {} users", max_users)});
    return;
  }
  const auto [first, is_new] = lines_.emplace(user.name, number);
  if (is_new) {
    users_.emplace(user.name, std::move(user));
  } else {
    users_.erase(user.name);
    problems_.push_back({number, fmt::format("{} already stands in line {}: neither counts",
                                             user.name, first->second)});
  }
}

unsigned UserTable::commonest_iterations() const {
  std::map<unsigned, std::size_t> counts;
  for (const auto& [name, user] : users_) ++counts[user.verifier.iterations()];
  const auto commonest = std::max_element(counts.begin(), counts.end(),
                                          [](auto& a, auto& b) { return a.second < b.second; });
  return commonest == counts.end() ? default_iterations : commonest->first;
}

Account UserTable::account(std::string_view name) const {
  // Made for everyone, so that making it does not tell who is unknown.
  Verifier decoy = Verifier::made_up(name, decoy_key_, decoy_iterations_);
  const auto found = users_.find(name);
  const bool is_real = found != users_.end() && !found->second.is_disabled;
  return {is_real ? found->second.verifier : std::move(decoy), is_real};
}

}  // namespace postern::auth
