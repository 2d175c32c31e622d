// Session, Pool and enrolment against a real sshd on loopback.
#include "ssh/session.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ssh/enroll.h"
#include "ssh/failure.h"
#include "ssh/pool.h"
#include "ssh/sshd_testing.h"

namespace ssh {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SshTest : public testing::Test {
 protected:
  void SetUp() override {
    if (TestSshd::Program().empty()) {
      GTEST_SKIP() << "no sshd: neither openssh-server nor build/tools/openssh-server is there";
    }
    ASSERT_TRUE(sshd_.Start());
  }
  void TearDown() override { loop_.RunTask(pool_.Close()); }

  void Enroll() {
    const auto offer = loop_.RunTask(ScanHostKeys(sshd_.Target()));
    ASSERT_TRUE(offer) << offer.error().message;
    ASSERT_TRUE(Store(*offer, true));
  }
  base::Result<model::CommandRecord> Run(std::vector<std::string> argv, bool changes = false,
                                         base::Duration limit = seconds(10)) {
    auto session = pool_.Get(sshd_.Target());
    EXPECT_TRUE(session);
    Command command{.argv = std::move(argv), .changes = changes, .limit = limit};
    return loop_.RunTask((*session)->Run(command));
  }

  TestSshd sshd_;
  loop::Loop loop_;
  Pool pool_{loop_, {}};
};

TEST_F(SshTest, RunsCommandsOverOneConnection) {
  Enroll();
  const auto first = Run({"echo", "it's $HOME"});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->output, "it's $HOME\n");
  EXPECT_EQ(first->exit_status, 0);
  const auto second = Run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->output, "out\nerr\n");
  EXPECT_EQ(second->exit_status, 7);
  std::ifstream log(sshd_.dir() + "/log");
  std::string line;
  int logins = 0;
  while (std::getline(log, line)) {
    logins += line.find("Accepted publickey") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(logins, 1);
}

TEST_F(SshTest, ExitStatus255OfACommandIsItsOwn) {
  Enroll();
  const auto result = Run({"sh", "-c", "exit 255"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->exit_status, 255);
}

TEST_F(SshTest, OutputIsBoundedAndPrintable) {
  Enroll();
  auto session = pool_.Get(sshd_.Target()).value();
  Command command{
      .argv = {"sh", "-c", "printf '\\033[31m'; head -c 100000 /dev/zero | tr '\\0' x"}};
  command.max_output = 1000;
  const auto result = loop_.RunTask(session->Run(command));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->truncated);
  EXPECT_LT(result->output.size(), 1100u);
  EXPECT_EQ(result->output.find('\x1b'), std::string::npos);
}

TEST_F(SshTest, WhatStartUpFilesPrintIsNoOutput) {
  sshd_.Stop();
  ASSERT_TRUE(sshd_.Start(
      "ForceCommand echo '{\"state\":1}'; echo hold /x >&2; eval \"$SSH_ORIGINAL_COMMAND\"\n"));
  Enroll();
  const auto result = Run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "out\nerr\n");
  EXPECT_EQ(result->exit_status, 3);
}

TEST_F(SshTest, AShellThatEndsBeforeTheCommandIsSaidToDoSo) {
  sshd_.Stop();
  ASSERT_TRUE(sshd_.Start("ForceCommand echo 'This account is not available.'\n"));
  Enroll();
  const auto result = Run({"true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(result.error().message.find("This account is not available."), std::string::npos);
}

TEST_F(SshTest, UnknownHostKeyIsDenied) {
  const auto result = Run({"true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(result.error().message, "ssh here: the host key is not known; enroll the host first");
}

TEST_F(SshTest, ChangedHostKeyIsDeniedAndEnrolmentSaysSo) {
  Enroll();
  sshd_.Stop();
  sshd_.NewHostKey();
  ASSERT_TRUE(sshd_.Start());
  const auto result = Run({"true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kDenied);
  EXPECT_NE(result.error().message.find("not the enrolled one"), std::string::npos);
  const auto offer = loop_.RunTask(ScanHostKeys(sshd_.Target())).value();
  EXPECT_TRUE(offer.Changed());
  EXPECT_EQ(Store(offer).error().kind, ErrorKind::kRefused);
  ASSERT_TRUE(Store(offer, true));
  EXPECT_TRUE(Run({"true"}));
}

TEST_F(SshTest, EnrolmentKeepsOtherHostsAndMode600) {
  const auto path = sshd_.dir() + "/known_hosts";
  std::ofstream(path) << "# mine\n192.0.2.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA\n";
  const auto offer = loop_.RunTask(ScanHostKeys(sshd_.Target())).value();
  ASSERT_EQ(offer.keys.size(), 1u);
  EXPECT_EQ(offer.keys[0].bits, 256);
  EXPECT_TRUE(offer.keys[0].fingerprint.starts_with("SHA256:"));
  EXPECT_FALSE(offer.Complete());
  ASSERT_TRUE(Store(offer));
  ASSERT_TRUE(Store(offer));
  EXPECT_TRUE(loop_.RunTask(ScanHostKeys(sshd_.Target()))->Complete());
  std::ifstream in(path);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_TRUE(text.starts_with("# mine\n192.0.2.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA\n["));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  const auto mode = std::filesystem::status(path).permissions();
  EXPECT_EQ(static_cast<unsigned>(mode) & 0777u, 0600u);
}

TEST_F(SshTest, WrongKeyIsDenied) {
  Enroll();
  TestSshd::Sh(": >" + sshd_.dir() + "/authorized_keys");
  const auto result = Run({"true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kDenied);
  EXPECT_NE(result.error().message.find("Permission denied (publickey"), std::string::npos);
}

TEST_F(SshTest, RefusedConnectionIsUnavailable) {
  Enroll();
  sshd_.Stop();
  const auto result = Run({"true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), (base::Error{ErrorKind::kUnavailable, "ssh here: connection refused"}));
}

TEST_F(SshTest, ASlowCommandEndsAtItsLimit) {
  Enroll();
  ASSERT_TRUE(Run({"true"}));
  const auto result = Run({"sleep", "20"}, false, milliseconds(300));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kDeadline);
  EXPECT_EQ(result.error().message, "ssh here: sleep did not end within 0.30 s");
  EXPECT_TRUE(Run({"true"})) << "the next command connects again";
}

TEST_F(SshTest, ALostConnectionIsMadeAgainForTheNextCommand) {
  Enroll();
  ASSERT_TRUE(Run({"true"}));
  sshd_.Stop();
  ASSERT_TRUE(sshd_.Start());
  EXPECT_TRUE(Run({"echo", "again"}));
}

TEST_F(SshTest, AChangingCommandThatWasCutIsNeverRunTwice) {
  Enroll();
  const auto count = sshd_.dir() + "/count";
  // Cuts its own connection in the middle: sshd's session process is its grandparent's child.
  const std::string cut = "echo x >>\"$1\"; kill -9 $PPID; sleep 1";
  auto result = Run({"sh", "-c", cut, "sh", count}, true);
  EXPECT_FALSE(result);
  result = Run({"cat", count});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "x\n");
  result = Run({"sh", "-c", cut, "sh", count}, false);
  EXPECT_FALSE(result);
  EXPECT_EQ(Run({"cat", count})->output, "x\nx\nx\n") << "a read-only one is tried once more";
}

TEST_F(SshTest, ManyCommandsAtOnceShareTheConnection) {
  Enroll();
  auto session = pool_.Get(sshd_.Target()).value();
  int done = 0;
  loop::Scope scope(loop_);
  for (int i = 0; i < 30; ++i) {
    scope.Spawn("command", [](Session* s, int n, int* count) -> loop::Task<> {
      Command command{.argv = {"echo", std::to_string(n)}};
      const auto result = co_await s->Run(command);
      EXPECT_EQ(result ? result->output : result.error().message, std::to_string(n) + "\n");
      *count += result ? 1 : 0;
    }(session.get(), i, &done));
  }
  loop_.RunTask(scope.Join());
  EXPECT_EQ(done, 30);
}

TEST_F(SshTest, HostsThatHangKeepNobodyElseWaiting) {
  Enroll();
  // A port that takes connections and never speaks, behind more targets than there are places.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 64), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  // They would hang for a minute: what comes while none of them has failed did not wait for them.
  Pool pool(loop_, {.connect_timeout = std::chrono::minutes(1),
                    .parallel = 4,
                    .parallel_logins = 8,
                    .parallel_per_target = 3});
  int failed = 0;
  loop::Scope scope(loop_);
  const auto run = [](std::shared_ptr<Session> s, int* count) -> loop::Task<> {
    Command command{.argv = {"true"}};
    const auto result = co_await s->Run(command);
    *count += result ? 0 : 1;
  };
  for (int i = 0; i < 6; ++i) {
    auto target = sshd_.Target();
    target.name = "hangs" + std::to_string(i);
    target.ssh->port = ntohs(address.sin_port);
    for (int n = 0; n < 3; ++n) {
      scope.Spawn("hangs", run(pool.Get(target).value(), &failed));
    }
  }
  loop_.RunTask(loop::Sleep(milliseconds(300)));  // all of them are at it
  Command command{.argv = {"echo", "here"}};
  const auto result = loop_.RunTask(pool.Get(sshd_.Target()).value()->Run(command));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(failed, 0) << "they still hang, and yet this one had its turn";
  ::close(listener);  // what hangs in its queue is reset
  loop_.RunTask(scope.Join());
  EXPECT_EQ(failed, 18);
  loop_.RunTask(pool.Close());
}

TEST_F(SshTest, AServerThatAllowsFewSessionsIsWaitedFor) {
  sshd_.Stop();
  ASSERT_TRUE(sshd_.Start("MaxSessions 2\n"));
  Enroll();
  auto session = pool_.Get(sshd_.Target()).value();
  int done = 0;
  const auto run = [](Session* s, int* count) -> loop::Task<> {
    Command command{.argv = {"sleep", "0.1"}, .changes = true};
    const auto result = co_await s->Run(command);
    *count += result && result->exit_status == 0 ? 1 : 0;
  };
  loop::Scope scope(loop_);
  for (int i = 0; i < 6; ++i) {
    scope.Spawn("command", run(session.get(), &done));
  }
  loop_.RunTask(scope.Join());
  EXPECT_EQ(done, 6);
}

TEST_F(SshTest, AnotherAddressIsAnotherSession) {
  auto target = sshd_.Target();
  const auto first = pool_.Get(target).value();
  EXPECT_EQ(pool_.Get(target).value(), first);
  target.ssh->user = "other";
  EXPECT_NE(pool_.Get(target).value(), first);
  EXPECT_EQ(pool_.size(), 1u);
  target.ssh.reset();
  EXPECT_EQ(pool_.Get(target).error().kind, ErrorKind::kInvalid);
}

TEST(Session, AddressesThatLookLikeOptionsAreRefused) {
  loop::Loop loop;
  Pool pool(loop, {});
  model::Target target;
  target.name = "bad";
  target.ssh.emplace();
  for (const std::string address : {"-oProxyCommand=id", "a b", "$(id)", "", "a;b", "user@host"}) {
    target.address = address;
    const auto result = loop.RunTask(pool.Get(target).value()->Connect());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kInvalid) << address;
  }
  loop.RunTask(pool.Close());
}

TEST(ClassifyFailure, KnowsSshsSentences) {
  EXPECT_EQ(ClassifyFailure("ssh: connect to host 192.0.2.1 port 22: Connection timed out\n").kind,
            ErrorKind::kDeadline);
  EXPECT_EQ(ClassifyFailure("ssh: connect to host x port 22: No route to host").message,
            "no route to host");
  EXPECT_EQ(
      ClassifyFailure("ssh: Could not resolve hostname nx.invalid: Name or service not known").kind,
      ErrorKind::kUnavailable);
  EXPECT_EQ(ClassifyFailure("kex_exchange_identification: Connection reset by peer").message,
            "connection reset");
  EXPECT_EQ(ClassifyFailure("").message, "connection lost");
  EXPECT_EQ(ClassifyFailure("odd\nthing\x1b[0m\n\n").message, "thing\xEF\xBF\xBD[0m");
}

TEST(ParseHostKeys, TakesOnlyWhatIsWhole) {
  const auto keys = ParseHostKeys(
      "# comment\nh ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\nh ssh-ed25519\nother ssh-rsa "
      "AAAAB3NzaC1yc2EA\n"
      "h,g ssh-rsa AAAAB3NzaC1yc2EAAAAD more\nh nonsense AAAAB3NzaC1yc2EAAAAD\nh ssh-rsa "
      "a;b;c;d;e;f;g;h;i\n"
      "@revoked h ssh-rsa AAAAB3NzaC1yc2EAAAAD\n|1|x|y ssh-rsa AAAAB3NzaC1yc2EAAAAD\n",
      "h");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].type, "ssh-ed25519");
  EXPECT_EQ(keys[1].type, "ssh-rsa");
  auto two = keys;
  EXPECT_FALSE(FillFingerprints(two, "256 SHA256:x h (ED25519)\n"));
  EXPECT_FALSE(FillFingerprints(two, "garbage\n"));
}

}  // namespace
}  // namespace ssh
