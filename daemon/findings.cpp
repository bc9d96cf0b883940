#include "daemon/findings.h"

#include <algorithm>
#include <tuple>

namespace postern::daemon {
namespace {

void add(std::vector<ConfigError>& list, ConfigError finding) {
  if (list.size() < Findings::max_each) list.push_back(std::move(finding));
}

std::vector<ConfigError> sorted(std::vector<ConfigError> list) {
  std::ranges::stable_sort(list, {}, [](const ConfigError& finding) {
    return std::tuple(finding.line, finding.column);
  });
  return list;
}

}  // namespace

void Findings::error(Position at, std::string key, std::string what, std::string remedy) {
  add(errors_, {at.line, at.column, std::move(key), std::move(what), std::move(remedy)});
}

void Findings::warn(Position at, std::string key, std::string what, std::string remedy) {
  add(warnings_, {at.line, at.column, std::move(key), std::move(what), std::move(remedy)});
}

std::vector<ConfigError> Findings::errors() const { return sorted(errors_); }
std::vector<ConfigError> Findings::warnings() const { return sorted(warnings_); }

}  // namespace postern::daemon
