#include "captured_log.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace postern::queue {

CapturedLog::CapturedLog()
    : memory_(::memfd_create("log", MFD_CLOEXEC)), standard_error_(::dup(STDERR_FILENO)) {
  ::dup2(memory_.get(), STDERR_FILENO);
#ifdef __SANITIZE_ADDRESS__
  // What the sanitizer finds is still to be seen.
  __sanitizer_set_report_fd(
      reinterpret_cast<void*>(static_cast<std::intptr_t>(standard_error_.get())));
#endif
}

CapturedLog::~CapturedLog() {
  ::dup2(standard_error_.get(), STDERR_FILENO);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_report_fd(reinterpret_cast<void*>(std::intptr_t{STDERR_FILENO}));
#endif
}

void CapturedLog::clear() {
  if (::ftruncate(memory_.get(), 0) == 0) ::lseek(memory_.get(), 0, SEEK_SET);
}

bool CapturedLog::contains(std::string_view words) const {
  struct stat status {};
  if (::fstat(memory_.get(), &status) < 0 || status.st_size == 0) return false;
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  return ::pread(memory_.get(), text.data(), text.size(), 0) > 0 &&
         text.find(words) != std::string::npos;
}

}  // namespace postern::queue
