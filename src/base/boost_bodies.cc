// The bodies of Boost.JSON and Boost.URL, compiled once for the whole program.
#include <boost/json/src.hpp>
#include <boost/url/src.hpp>
