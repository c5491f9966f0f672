#!/usr/bin/env bash
# The UI tests need Chromium: installed where Debian's package manager and the right to use it are at hand, else the
# tests skip and say so.
set -u
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing chromium for the UI tests (once)"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
    >/dev/null 2>&1 || echo "chromium could not be installed: the UI tests will be skipped"
else
  echo "no chromium and no right to install it: the UI tests will be skipped"
fi
exit 0
