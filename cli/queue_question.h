// A question to the queue of the running server, over its control socket, and the answer to it.
#pragma once

#include <functional>
#include <string>

#include "command.h"
#include "net/frames.h"

namespace postern::cli {

/// What an answer brings before it is over. A message that took several frames is handed on as one.
struct Listener {
  std::function<void(const frames::QueuedMessage&)> on_message;
  std::function<void(const std::string& bytes)> on_content = nullptr;  // a piece of it
};

/// Throws Failure where the server cannot be asked, or goes away.
frames::ControlDone ask(const Context& context, frames::ToControl question,
                        const Listener& listener);

}  // namespace postern::cli
