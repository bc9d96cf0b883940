// The memory that the supervisor makes for all smtpd.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "net/fd.h"
#include "net/frames.h"

namespace postern::smtpd {

inline net::Fd seats_memory() {
  net::Fd memory(::memfd_create("seats", MFD_CLOEXEC));
  if (::ftruncate(memory.get(), frames::seats_memory) != 0) return {};
  return memory;
}

}  // namespace postern::smtpd
