#include "smtpd/transcript.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace postern::smtpd {
namespace {

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("\\x") && text.size() >= 4) {
      out += static_cast<char>(std::stoi(std::string(text.substr(2, 2)), nullptr, 16));
      text.remove_prefix(4);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

void set_up(Transcript& transcript, const std::string& line) {
  std::istringstream words(line.substr(line.find(':') + 1));
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (key == "tls" && value == "none")
      transcript.tls = frames::ListenerTls::none;
    else if (key == "tls" && value == "implicit")
      transcript.tls = frames::ListenerTls::implicit;
    else if (key == "auth" && value == "none")
      transcript.auth = mail::AuthPolicy::none;
    else if (key == "auth" && value == "required")
      transcript.auth = mail::AuthPolicy::required;
    else if (key == "client" && value == "stranger")
      transcript.is_stranger = true;
    else if (key == "size")
      transcript.size = std::stoul(value);
    else if (key == "recipients")
      transcript.recipients = static_cast<std::uint32_t>(std::stoul(value));
    else if (key == "largest")
      transcript.admission.largest = std::stoul(value);
    else if (key == "admission" && value == "452")
      transcript.admission = {false, 0, {452, {4, 3, 1}, "full"}};
    else
      throw std::invalid_argument(transcript.name + ": " + word);
  }
}

Transcript read_transcript(const std::filesystem::path& path) {
  Transcript transcript;
  transcript.name = path.stem().string();
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("listener:"))
      set_up(transcript, line);
    else if (line == "C:")
      transcript.steps.push_back({Step::Kind::client, "", number});
    else if (line.starts_with("C: "))
      transcript.steps.push_back({Step::Kind::client, unescaped(line.substr(3)), number});
    else if (line.starts_with("B: "))
      transcript.steps.push_back({Step::Kind::octets, unescaped(line.substr(3)), number});
    else if (line.starts_with("R: "))
      transcript.steps.push_back({Step::Kind::reply, line.substr(3), number});
    else if (line.starts_with("S: "))
      transcript.steps.push_back({Step::Kind::server, line.substr(3), number});
    else if (line == "TLS")
      transcript.steps.push_back({Step::Kind::tls, "", number});
    else if (line == "CLOSED")
      transcript.steps.push_back({Step::Kind::closed, "", number});
    else
      throw std::invalid_argument(transcript.name + ": " + line);
  }
  return transcript;
}

}  // namespace

std::vector<Transcript> read_transcripts() {
  std::vector<Transcript> all;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA "/smtpd/transcripts")) {
    all.push_back(read_transcript(entry.path()));
  }
  std::ranges::sort(all, {}, &Transcript::name);
  if (all.empty()) throw std::runtime_error("no transcripts");
  return all;
}

bool matches(std::string_view line, std::string_view pattern) {
  if (!pattern.ends_with('*')) return line == pattern;
  return line.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::vector<mail::Network> networks_of(const Transcript& transcript) {
  return {*mail::Network::parse(transcript.is_stranger ? "192.0.2.0/24" : "127.0.0.0/8")};
}

}  // namespace postern::smtpd
