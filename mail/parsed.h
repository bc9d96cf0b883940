// How text from outside becomes a value: once, at the edge. What came through is well formed and is never checked again.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace postern::mail {

/// Why a text is not what it should be, in words that may be shown to whoever sent it.
struct SyntaxError {
  std::string reason;
};

template <class T>
using Parsed = boost::system::result<T, SyntaxError>;

[[noreturn]] inline void throw_exception_from_error(const SyntaxError& error,
                                                    const boost::source_location&) {
  throw std::invalid_argument(error.reason);
}

}  // namespace postern::mail
