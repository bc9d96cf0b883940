// What takes long to compile in the tests of every room.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../net/precompiled.h"
