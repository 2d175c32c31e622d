// Recorded answers of real servers, for tests: src/diagnosis/testdata.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace diagnosis {

/// The text of a recorded answer; fails the test when it is not there.
inline std::string Recorded(const std::string& name) {
  std::ifstream in(std::string(RAKSA_SOURCE_DIR) + "/src/diagnosis/testdata/" + name);
  EXPECT_TRUE(in.good()) << name;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace diagnosis
