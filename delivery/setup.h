// From the settings that the supervisor sends to what attempts work with.
#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <vector>

#include "delivery/attempt.h"
#include "net/frames.h"

namespace postern::delivery {

/// The error is a text for the operator: the trusted certificates cannot be read, the resolvers make no sense.
[[nodiscard]] boost::system::result<std::shared_ptr<const Setup>, std::string> setup_of(
    net::Executor executor, const frames::DeliverySettings& settings);

/// `address:port` as endpoints; `0.0.0.0` and `[::]` as all addresses that this machine has now. What is no such text is
/// passed over.
[[nodiscard]] std::vector<Endpoint> endpoints_of(const std::vector<std::string>& listeners);

}  // namespace postern::delivery
