// Boost.JSON's own code: it is compiled here, once, instead of being linked as a library.
#include <boost/json/src.hpp>
