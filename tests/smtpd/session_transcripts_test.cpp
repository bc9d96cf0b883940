// Plays each transcript against `Session` and `Intake` alone: no socket, no coroutine.
#include <gtest/gtest.h>

#include <deque>

#include "smtpd/fake_auth.h"
#include "smtpd/intake.h"
#include "smtpd/session.h"
#include "smtpd/transcript.h"

namespace postern::smtpd {
namespace {

// What `Connection` does, without waiting for anybody.
class Dialogue {
 public:
  explicit Dialogue(const Transcript& transcript)
      : max_size_(transcript.size),
        admission_(transcript.admission),
        session_(std::make_shared<const Policy>(Policy{"mail.example",
                                                       "example",
                                                       transcript.tls,
                                                       transcript.auth,
                                                       networks_of(transcript),
                                                       {"PLAIN", "LOGIN", "SCRAM-SHA-256"},
                                                       transcript.size,
                                                       transcript.recipients,
                                                       true}),
                 admission_, mail::IpAddress(boost::asio::ip::address_v4::loopback()),
                 transcript.tls == frames::ListenerTls::implicit ? "TLSv1.3" : "") {
    say(session_.greeting());
  }

  void hear_octets(std::string_view octets) {
    if (is_closed) return;
    if (!chunk_.refusal) intake_->feed_chunk(octets);
    chunk_left_ -= octets.size();
    if (chunk_left_ == 0) end_chunk();
  }

  void hear(const std::string& line, bool is_followed) {
    if (is_closed) return;
    if (chunk_left_ != 0) return hear_octets(line + "\r\n");
    if (!is_data_) return perform(session_.on_line(line, is_followed));
    const std::string octets = line + "\r\n";
    ASSERT_EQ(intake_->feed(octets), octets.size());
    if (!intake_->is_complete()) return;
    is_data_ = false;
    const auto refusal = intake_->refusal();
    perform(session_.on_content(refusal ? *refusal : mail::Reply{250, {2, 0, 0}, "Accepted"}));
  }

  void shake_hands() { session_.on_tls("TLSv1.3"); }

  std::deque<std::string> replies;
  bool is_closed = false;

 private:
  void perform(Action action) {
    std::visit([this](auto& any) { act(any); }, action);
  }
  void act(Say& say_) { say(say_.reply); }
  void act(StartTls& start) { say(start.reply); }
  void act(CancelLogin& cancel) { say(cancel.reply); }
  void act(HangUp& hang_up) {
    say(hang_up.reply);
    is_closed = true;
  }
  void act(BeginLogin& begin) { ask(frames::BeginLogin{1, begin.mechanism, begin.initial, {}}); }
  void act(AnswerChallenge& answer) { ask(frames::Answer{1, answer.bytes}); }
  void ask(const frames::SmtpdToAuth& frame) {
    const auto answer = auth_.answer(frame);
    if (const auto* challenge = std::get_if<frames::Challenge>(&*answer)) {
      perform(session_.on_challenge(challenge->bytes));
    } else {
      perform(session_.on_verdict(std::get<frames::Verdict>(*answer)));
    }
  }
  void act(TakeContent& take) {
    say(take.reply);
    is_data_ = true;
    intake_.emplace(Submitter{session_.identity()}, 1'000'000,
                    Additions{"", "", "", "From: <fun@office.example>\r\n"});
  }
  void act(TakeChunk& chunk) {
    if (chunk.message) {
      intake_.emplace(Submitter{session_.identity()}, max_size_,
                      Additions{"", "", "", "From: <fun@office.example>\r\n"}, Framing::bdat);
    }
    chunk_ = TakeChunk{chunk.size, chunk.is_last, {}, std::move(chunk.refusal)};
    chunk_left_ = chunk.size;
    if (chunk_left_ == 0) end_chunk();
  }
  void end_chunk() {
    if (!chunk_.refusal && chunk_.is_last) {
      intake_->finish();
      const auto refusal = intake_->refusal();
      return perform(session_.on_content(refusal ? *refusal : mail::Reply{250, {2, 0, 0}, "OK"}));
    }
    if (!chunk_.refusal) chunk_.refusal = intake_->refusal();
    perform(
        session_.on_chunk(chunk_.refusal ? *chunk_.refusal : mail::Reply{250, {2, 0, 0}, "OK"}));
  }
  void say(const mail::Reply& reply) {
    std::string text;
    reply.append_to(text);
    for (std::size_t end; (end = text.find("\r\n")) != std::string::npos; text.erase(0, end + 2)) {
      replies.push_back(text.substr(0, end));
    }
  }

  std::uint64_t max_size_;
  frames::Admission admission_;
  Session session_;
  FakeAuth auth_;
  std::optional<Intake> intake_;
  bool is_data_ = false;
  TakeChunk chunk_;
  std::size_t chunk_left_ = 0;
};

class SessionTranscript : public testing::TestWithParam<Transcript> {
 protected:
  // What stands in the transcript without a reply between is said in one packet.
  static bool is_followed(const Step& step) {
    const auto* const next = &step + 1;
    return next != &*GetParam().steps.end() && next->is_said();
  }
};

TEST_P(SessionTranscript, IsSpokenBySessionAlone) {
  Dialogue dialogue(GetParam());
  for (const Step& step : GetParam().steps) {
    SCOPED_TRACE(GetParam().name + ".txt, line " + std::to_string(step.line) + ": " + step.text);
    switch (step.kind) {
      case Step::Kind::client:
        dialogue.hear(step.text, is_followed(step));
        break;
      case Step::Kind::octets:
        dialogue.hear_octets(step.text);
        break;
      case Step::Kind::reply:
        while (!dialogue.replies.empty() && dialogue.replies.front().substr(3, 1) == "-") {
          dialogue.replies.pop_front();
        }
        [[fallthrough]];
      case Step::Kind::server:
        ASSERT_FALSE(dialogue.replies.empty());
        ASSERT_PRED2(matches, dialogue.replies.front(), step.text);
        dialogue.replies.pop_front();
        break;
      case Step::Kind::tls:
        if (GetParam().tls == frames::ListenerTls::starttls) dialogue.shake_hands();
        break;
      case Step::Kind::closed:
        ASSERT_TRUE(dialogue.is_closed);
        break;
    }
  }
  EXPECT_TRUE(dialogue.replies.empty()) << dialogue.replies.front();
}

INSTANTIATE_TEST_SUITE_P(All, SessionTranscript, testing::ValuesIn(read_transcripts()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace postern::smtpd
