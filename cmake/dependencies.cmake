find_package(PkgConfig REQUIRED)
find_package(Python3 COMPONENTS Interpreter)   # tests and schemagen only; not needed to build
foreach(dep
    blkid:blkid fdisk:fdisk mnl:libmnl nftnl:libnftnl jsonc:json-c curl:libcurl
    ssl:libssl crypto:libcrypto zlib:zlib nghttp2:libnghttp2)
  string(REPLACE ":" ";" pair ${dep})
  list(GET pair 0 name)
  list(GET pair 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
endforeach()

# Headers only: libcurl is opened at run time by the stages that fetch (base/curl_dl.h).
add_library(hearth_curl_headers INTERFACE)
target_include_directories(hearth_curl_headers INTERFACE ${curl_INCLUDE_DIRS})
