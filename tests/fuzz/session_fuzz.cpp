// A whole session of a client that may send: whatever it says, the server stays in step and passes on a clean message.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/folding.h"
#include "mail/header.h"
#include "smtpd/intake.h"
#include "smtpd/session.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

using namespace smtpd;

constexpr std::uint64_t max_size = 100'000;

std::shared_ptr<const Policy> policy() {
  static const auto policy =
      std::make_shared<const Policy>(Policy{"mail.example",
                                            "example",
                                            frames::ListenerTls::starttls,
                                            mail::AuthPolicy::optional,
                                            {*mail::Network::parse("127.0.0.0/8")},
                                            {"PLAIN", "LOGIN"},
                                            max_size,
                                            3,
                                            true});
  return policy;
}

// Plays connection, queue and auth. The first octet chooses the client.
class Dialogue {
 public:
  explicit Dialogue(unsigned char choice)
      : is_stranger_((choice & 1) != 0),
        is_login_accepted_((choice & 2) != 0),
        session_(policy(), admission_,
                 boost::asio::ip::make_address(is_stranger_ ? "192.0.2.1" : "127.0.0.1"),
                 (choice & 4) != 0 ? "TLSv1.3 X" : "") {}

  /// What is left when the session has ended, or the input.
  void hear(std::string_view input) {
    while (!is_over_ && !input.empty()) {
      if (is_data_) {
        input.remove_prefix(intake_->feed(input));
        collect();
      } else if (chunk_left_ != 0) {
        const std::string_view octets = input.substr(0, chunk_left_);
        input.remove_prefix(octets.size());
        hear_octets(octets);
      } else {
        const auto end = input.find("\r\n");
        if (end == std::string_view::npos) return;
        const std::string_view line = input.substr(0, end);
        input.remove_prefix(end + 2);
        perform(session_.on_line(line, !input.empty()));
      }
    }
  }

 private:
  void perform(Action action) {
    std::visit([this](auto& any) { act(any); }, action);
  }
  void act(Say& say) { check(say.reply); }
  void act(StartTls& start) {
    check(start.reply);
    session_.on_tls("TLSv1.3 X");
  }
  void act(BeginLogin& begin) {
    if (begin.initial) return judge();
    perform(session_.on_challenge("Username:"));
  }
  void act(AnswerChallenge&) { judge(); }
  void act(CancelLogin& cancel) { check(cancel.reply); }
  void act(HangUp& hang_up) {
    check(hang_up.reply);
    is_over_ = true;
  }
  void judge() {
    const auto result =
        is_login_accepted_ ? frames::LoginResult::accepted : frames::LoginResult::refused;
    is_logged_in_ = is_logged_in_ || is_login_accepted_;
    perform(session_.on_verdict({1, result, {is_login_accepted_ ? "fun" : ""}}));
  }
  void act(TakeContent& take) {
    check(take.reply);
    begin(take.message, Framing::data);
    is_data_ = true;
  }
  void act(TakeChunk& chunk) {
    if (chunk.message) begin(*chunk.message, Framing::bdat);
    require(chunk.refusal || session_.is_within_message(), "a chunk is of a message, or refused");
    chunk_ = TakeChunk{chunk.size, chunk.is_last, {}, std::move(chunk.refusal)};
    chunk_left_ = chunk.size;
    if (chunk_left_ == 0) end_chunk();
  }
  void begin(const Message& message, Framing framing) {
    const mail::Envelope& envelope = message.envelope;
    require(!is_stranger_ || is_logged_in_, "no stranger sends");
    require(!envelope.recipients.empty() && envelope.recipients.size() <= 3,
            "an envelope has recipients, and not too many");
    const Stamp stamp{"mail.example", message.protocol, mail::MessageId(1), {}, false};
    intake_.emplace(Submitter{session_.identity(), "office.example"}, max_size,
                    additions(envelope, stamp), framing);
    content_.clear();
  }
  void hear_octets(std::string_view octets) {
    if (!chunk_.refusal) {
      intake_->feed_chunk(octets);
      take_pieces();
    }
    chunk_left_ -= octets.size();
    if (chunk_left_ == 0) end_chunk();
  }
  void end_chunk() {
    if (!chunk_.refusal && chunk_.is_last) {
      intake_->finish();
      return collect();
    }
    if (!chunk_.refusal) chunk_.refusal = intake_->refusal();
    perform(session_.on_chunk(chunk_.refusal ? *chunk_.refusal : mail::Reply{250, {2, 0, 0}, ""}));
  }

  void take_pieces() {
    for (std::string chunk = intake_->take_chunk(); !chunk.empty(); chunk = intake_->take_chunk()) {
      require(chunk.size() <= frames::max_chunk, "a chunk fits into its frame");
      content_ += chunk;
    }
  }
  void collect() {
    take_pieces();
    if (!intake_->is_complete()) return;
    const auto refusal = intake_->refusal();
    if (!refusal) check_content();
    is_data_ = false;
    perform(session_.on_content(refusal ? *refusal : mail::Reply{250, {2, 0, 0}, "OK"}));
  }

  void check_content() {
    require(content_.ends_with("\r\n"), "a content ends with a line end");
    require(content_.find('\0') == std::string::npos, "a content has no NUL");
    require(!mail::has_long_line(content_), "every line can be sent");
    for (std::size_t i = 0; i < content_.size(); ++i) {
      if (content_[i] == '\r')
        require(i + 1 < content_.size() && content_[i + 1] == '\n', "no bare CR");
      if (content_[i] == '\n') require(i > 0 && content_[i - 1] == '\r', "no bare LF");
    }
    const auto fields = mail::split_header(mail::header_section_of(content_));
    require(fields.has_value(), "a content has a header section");
    require(mail::is_named(fields->front(), "Received"), "the newest trace is at the top");
    for (const auto& field : *fields) require(!mail::is_named(field, "Bcc"), "Bcc is gone");
  }

  static void check(const mail::Reply& reply) {
    require(reply.code >= 211 && reply.code <= 555, "a reply has a code");
    require(!reply.status.is_given() || reply.status.klass == reply.code / 100,
            "code and status agree");
  }

  bool is_stranger_;
  bool is_login_accepted_;
  bool is_logged_in_ = false;
  bool is_over_ = false;
  frames::Admission admission_{true, max_size, {}};
  Session session_;
  std::optional<Intake> intake_;
  std::string content_;
  bool is_data_ = false;
  TakeChunk chunk_;
  std::uint64_t chunk_left_ = 0;
};

// Content in one piece and octet by octet is the same content.
void check_splits(std::string_view input, Framing framing) {
  for (const BareLf bare_lf : {BareLf::refused, BareLf::repaired}) {
    ContentReader whole(bare_lf, framing);
    ContentReader split(bare_lf, framing);
    std::string content;
    std::string joined;
    const std::size_t taken = whole.feed(input, content);
    std::size_t pieces = 0;
    while (pieces < input.size() && !split.is_complete()) {
      pieces += split.feed(input.substr(pieces, 1), joined);
    }
    require(taken == pieces && content == joined && whole.fault() == split.fault(),
            "packets change nothing");
  }
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  postern::fuzz::Dialogue(data[0]).hear(input.substr(1));
  postern::fuzz::check_splits(input, postern::smtpd::Framing::data);
  postern::fuzz::check_splits(input, postern::smtpd::Framing::bdat);
  return 0;
}
