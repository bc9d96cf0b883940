#include "relaytest/catalogue.h"

#include <algorithm>
#include <vector>

#include "relaytest/tricks.h"

namespace postern::relaytest {
namespace {

std::vector<Trick> all_tricks() {
  std::vector<Trick> tricks;
  for (const auto part : {plain_tricks(), sender_tricks(), recipient_tricks(), form_tricks(),
                          content_tricks(), claim_tricks()}) {
    tricks.insert(tricks.end(), part.begin(), part.end());
  }
  std::stable_partition(tricks.begin(), tricks.end(),
                        [](const Trick& trick) { return !trick.is_rude; });
  return tricks;
}

}  // namespace

std::span<const Trick> catalogue() {
  static const std::vector<Trick> tricks = all_tricks();
  return tricks;
}

const Trick* find_trick(std::string_view name) {
  const auto tricks = catalogue();
  const auto trick = std::ranges::find(tricks, name, &Trick::name);
  return trick == tricks.end() ? nullptr : &*trick;
}

}  // namespace postern::relaytest
