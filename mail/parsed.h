// How text from outside becomes a value: once, at the edge. What came through is well formed and is never checked again.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace postern::mail {

struct Reason {
  std::string reason;
};

/// Why a text is not what it should be, in words that may be shown to whoever sent it. Made by `SyntaxError{"..."}` only: had
/// it a constructor from strings, a Parsed<std::string> could not tell its error from its value.
struct SyntaxError : Reason {};

template <class T>
using Parsed = boost::system::result<T, SyntaxError>;

[[noreturn]] inline void throw_exception_from_error(const SyntaxError& error,
                                                    const boost::source_location&) {
  throw std::invalid_argument(error.reason);
}

}  // namespace postern::mail
